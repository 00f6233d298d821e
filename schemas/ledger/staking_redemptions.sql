-- wallets: spot
-- A redemption takes the liquid coin when it is asked for, and gives the other when it arrives.
WITH taken AS (
    SELECT *, concat_ws('/', product, asset, epoch_us(time), ordinal) AS key
    FROM staking_redemptions
    WHERE gone_since IS NULL AND status IN ('SUCCESS', 'PENDING')
)
SELECT account, 'spot' AS wallet, asset, time, -amount AS amount, 'unstake' AS kind, key, product AS note
FROM taken
UNION ALL BY NAME
SELECT
    account,
    'spot' AS wallet,
    distribute_asset AS asset,
    coalesce(arrival_time, time) AS time,
    distribute_amount AS amount,
    'unstake' AS kind,
    key,
    product AS note
FROM taken
WHERE status = 'SUCCESS'
