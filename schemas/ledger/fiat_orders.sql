-- wallets: spot
-- A deposit of a national currency counts from when it was credited. A withdrawal takes its amount and its fee when it is
-- asked for.
WITH done AS (
    SELECT
        *,
        direction = 'deposit' AS is_deposit,
        concat_ws('/', direction, order_no) AS key
    FROM fiat_orders
    WHERE gone_since IS NULL AND status IN ('Successful', 'Finished')
)
SELECT
    account,
    'spot' AS wallet,
    fiat_currency AS asset,
    CASE WHEN is_deposit THEN coalesce(update_time, create_time) ELSE create_time END AS time,
    CASE WHEN is_deposit THEN amount ELSE -amount END AS amount,
    'fiat' AS kind,
    key,
    method AS note
FROM done
UNION ALL BY NAME
SELECT
    account, 'spot' AS wallet, fiat_currency AS asset, create_time AS time, -total_fee AS amount, 'fee' AS kind, key,
    method AS note
FROM done
WHERE NOT is_deposit AND total_fee <> 0
