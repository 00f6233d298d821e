-- wallets: earn_flexible
-- A real-time reward grows the position. Others are paid into spot: those are distributions, and this list a witness.
SELECT
    account,
    'earn_flexible' AS wallet,
    asset,
    time,
    amount,
    'reward' AS kind,
    concat_ws('/', product, asset, type, source_id, epoch_us(time), ordinal) AS key,
    type AS note
FROM earn_rewards
WHERE gone_since IS NULL AND type = 'REALTIME'
