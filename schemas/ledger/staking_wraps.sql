-- wallets: spot
-- Wrapping and unwrapping takes the one coin and gives the other.
WITH done AS (
    SELECT *, concat_ws('/', direction, from_asset, epoch_us(time), ordinal) AS key
    FROM staking_wraps
    WHERE gone_since IS NULL AND status = 'SUCCESS'
)
SELECT account, 'spot' AS wallet, from_asset AS asset, time, -from_amount AS amount, 'convert' AS kind, key, direction AS note
FROM done
UNION ALL BY NAME
SELECT account, 'spot' AS wallet, to_asset AS asset, time, to_amount AS amount, 'convert' AS kind, key, direction AS note
FROM done
