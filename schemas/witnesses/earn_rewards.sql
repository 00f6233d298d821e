-- owners: dividends
-- within: 12 hours
-- wallets: spot
-- What simple earn paid into spot. A reward that grows a position is no distribution. Statements book a reward in spot
-- up to two hours after earn tells of it, once a day: half a day reaches it, and not the one of the next day.
SELECT
    account,
    'spot' AS wallet,
    asset,
    time,
    amount,
    'reward' AS kind,
    concat_ws('/', product, asset, type, source_id, epoch_us(time), ordinal) AS key
FROM earn_rewards
WHERE gone_since IS NULL AND type <> 'REALTIME'
