-- wallets: spot
-- A subscription takes a stablecoin, and gives the token for it.
WITH done AS (
    SELECT *, concat_ws('/', product, asset, epoch_us(time), ordinal) AS key
    FROM yield_subscriptions
    WHERE gone_since IS NULL AND status = 'SUCCESS'
)
SELECT account, 'spot' AS wallet, asset, time, -amount AS amount, 'earn_in' AS kind, key, product AS note
FROM done
UNION ALL BY NAME
SELECT
    account, 'spot' AS wallet, receive_asset AS asset, time, receive_amount AS amount, 'earn_in' AS kind, key,
    product AS note
FROM done
