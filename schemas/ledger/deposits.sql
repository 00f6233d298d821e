-- wallets: spot, funding
-- A deposit counts from when it was credited, be it that it cannot be withdrawn yet.
SELECT
    account,
    CASE coalesce(wallet_type, 0) WHEN 0 THEN 'spot' WHEN 1 THEN 'funding' END AS wallet,
    asset,
    coalesce(complete_time, insert_time) AS time,
    amount,
    'deposit' AS kind,
    deposit_id AS key,
    NULL AS note
FROM deposits
WHERE gone_since IS NULL AND status IN (1, 6) AND coalesce(wallet_type, 0) IN (0, 1)
