-- owners: dividends
-- within: 12 hours
-- wallets: spot
-- Boosts, which are paid into spot; the growth of a liquid coin moves nothing.
SELECT
    account,
    'spot' AS wallet,
    asset,
    time,
    amount,
    'reward' AS kind,
    concat_ws('/', product, epoch_us(time), ordinal) AS key
FROM staking_rewards
WHERE gone_since IS NULL AND product = 'sol_boost'
