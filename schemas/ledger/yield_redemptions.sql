-- wallets: spot
-- A redemption takes the token when it is asked for, and gives what is paid for it, less the fee, when that arrives.
WITH taken AS (
    SELECT *, concat_ws('/', product, asset, epoch_us(time), ordinal) AS key
    FROM yield_redemptions
    WHERE gone_since IS NULL AND status IN ('SUCCESS', 'PENDING')
)
SELECT account, 'spot' AS wallet, asset, time, -amount AS amount, 'earn_out' AS kind, key, product AS note
FROM taken
UNION ALL BY NAME
SELECT
    account,
    'spot' AS wallet,
    receive_asset AS asset,
    coalesce(arrival_time, time) AS time,
    receive_amount AS amount,
    'earn_out' AS kind,
    key,
    product AS note
FROM taken
WHERE status = 'SUCCESS'
