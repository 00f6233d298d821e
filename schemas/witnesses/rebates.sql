-- owners: dividends
-- within: 12 hours
-- wallets: spot
-- Fees paid back into spot.
SELECT
    account,
    'spot' AS wallet,
    asset,
    update_time AS time,
    amount,
    'rebate' AS kind,
    concat_ws('/', asset, type, epoch_us(update_time), ordinal) AS key
FROM rebates
WHERE gone_since IS NULL
