-- wallets: spot, funding, earn_flexible, earn_locked
-- A subscription takes from spot and funding what it says it took of each, and gives it to earn. Where it does not say,
-- all is of the account it names. What a chain holds for the account is in no wallet.
WITH done AS (
    SELECT
        *,
        concat_ws('/', product, purchase_id) AS key,
        coalesce(amt_from_spot, 0) + coalesce(amt_from_funding, 0) > 0 AS is_split,
        coalesce(source_account, 'SPOT') = 'FUNDING' AS of_funding
    FROM earn_subscriptions
    WHERE gone_since IS NULL AND status = 'SUCCESS'
),
legs AS (
    SELECT *, 'earn_' || product AS wallet, amount AS moved
    FROM done
    WHERE product <> 'onchain'
    UNION ALL BY NAME
    SELECT *, 'spot' AS wallet, CASE WHEN is_split THEN -amt_from_spot WHEN NOT of_funding THEN -amount END AS moved
    FROM done
    UNION ALL BY NAME
    SELECT *, 'funding' AS wallet, CASE WHEN is_split THEN -amt_from_funding WHEN of_funding THEN -amount END AS moved
    FROM done
)
SELECT account, wallet, asset, time, moved AS amount, 'earn_in' AS kind, key, type AS note
FROM legs
WHERE moved <> 0
