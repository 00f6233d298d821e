-- wallets: spot, funding, earn_flexible
-- A conversion takes the one asset and gives the other, in the wallet that it names; where it names none, it is taken
-- for spot. Of several wallets at once nobody knows which gave how much: such a row moves nothing, and is told of.
WITH done AS (
    SELECT
        *,
        CASE wallet_type WHEN 'FUNDING' THEN 'funding' WHEN 'EARN' THEN 'earn_flexible' ELSE 'spot' END AS wallet,
        order_id::VARCHAR AS key
    FROM conversions
    WHERE gone_since IS NULL AND order_status = 'SUCCESS' AND coalesce(wallet_type, 'SPOT') IN ('SPOT', 'FUNDING', 'EARN')
)
SELECT
    account, wallet, from_asset AS asset, create_time AS time, -from_amount AS amount, 'convert' AS kind, key,
    NULL AS note
FROM done
UNION ALL BY NAME
SELECT account, wallet, to_asset AS asset, create_time AS time, to_amount AS amount, 'convert' AS kind, key, NULL AS note
FROM done
