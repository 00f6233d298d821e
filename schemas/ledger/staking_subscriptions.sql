-- wallets: spot
-- Staking takes a coin, and gives the liquid one for it.
WITH done AS (
    SELECT *, concat_ws('/', product, asset, epoch_us(time), ordinal) AS key
    FROM staking_subscriptions
    WHERE gone_since IS NULL AND status = 'SUCCESS'
)
SELECT account, 'spot' AS wallet, asset, time, -amount AS amount, 'stake' AS kind, key, product AS note
FROM done
UNION ALL BY NAME
SELECT
    account, 'spot' AS wallet, distribute_asset AS asset, time, distribute_amount AS amount, 'stake' AS kind, key,
    product AS note
FROM done
