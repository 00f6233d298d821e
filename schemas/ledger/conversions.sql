-- wallets: spot, funding
-- A conversion takes the one asset and gives the other. The exchange does not say from which wallet: it is taken for
-- spot.
WITH done AS (
    SELECT *, order_id::VARCHAR AS key FROM conversions WHERE gone_since IS NULL AND order_status = 'SUCCESS'
)
SELECT
    account, 'spot' AS wallet, from_asset AS asset, create_time AS time, -from_amount AS amount, 'convert' AS kind, key,
    NULL AS note
FROM done
UNION ALL BY NAME
SELECT
    account, 'spot' AS wallet, to_asset AS asset, create_time AS time, to_amount AS amount, 'convert' AS kind, key,
    NULL AS note
FROM done
