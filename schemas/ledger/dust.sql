-- wallets: spot, margin
-- A conversion of dust takes each small balance and gives what it came to, net of the charge.
WITH done AS (
    SELECT *, concat_ws('/', wallet, from_asset, operation_id, trans_id) AS key FROM dust WHERE gone_since IS NULL
)
SELECT account, wallet, from_asset AS asset, operate_time AS time, -amount AS amount, 'dust' AS kind, key, NULL AS note
FROM done
UNION ALL BY NAME
SELECT
    account, wallet, coalesce(target_asset, 'BNB') AS asset, operate_time AS time, transfered_amount AS amount,
    'dust' AS kind, key, NULL AS note
FROM done
