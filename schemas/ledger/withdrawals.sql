-- wallets: spot, funding
-- A withdrawal takes its amount and its fee when it is asked for. Of one that came to nothing, both are given back when
-- it ended; where the exchange does not say when, it moved nothing.
WITH taken AS (
    SELECT
        *,
        CASE coalesce(wallet_type, 0) WHEN 0 THEN 'spot' WHEN 1 THEN 'funding' END AS wallet,
        withdrawal_id AS key,
        status IN (1, 3, 5) AS failed
    FROM withdrawals
    WHERE gone_since IS NULL
        AND (status IN (0, 2, 4, 6) OR (status IN (1, 3, 5) AND complete_time IS NOT NULL))
        AND coalesce(wallet_type, 0) IN (0, 1)
)
SELECT account, wallet, asset, apply_time AS time, -amount AS amount, 'withdrawal' AS kind, key, NULL AS note
FROM taken
UNION ALL BY NAME
SELECT account, wallet, asset, apply_time AS time, -transaction_fee AS amount, 'withdrawal_fee' AS kind, key, NULL AS note
FROM taken
WHERE transaction_fee <> 0
UNION ALL BY NAME
SELECT account, wallet, asset, complete_time AS time, amount, 'withdrawal' AS kind, key, 'given back' AS note
FROM taken
WHERE failed
UNION ALL BY NAME
SELECT
    account,
    wallet,
    asset,
    complete_time AS time,
    transaction_fee AS amount,
    'withdrawal_fee' AS kind,
    key,
    'given back' AS note
FROM taken
WHERE failed AND transaction_fee <> 0
