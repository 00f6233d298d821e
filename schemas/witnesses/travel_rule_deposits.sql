-- owners: deposits
-- within: 1 hour
-- Deposits under the travel rule. They do not name the wallet: it is that of the deposit with the same transaction,
-- else spot.
WITH known AS (
    SELECT
        account,
        asset,
        tx_id,
        amount,
        any_value(CASE wallet_type WHEN 1 THEN 'funding' ELSE 'spot' END) AS wallet,
        any_value(coalesce(complete_time, insert_time)) AS time
    FROM deposits
    WHERE gone_since IS NULL AND status IN (1, 6)
    GROUP BY ALL
)
SELECT
    told.account,
    coalesce(known.wallet, 'spot') AS wallet,
    told.asset,
    coalesce(known.time, told.complete_time, told.insert_time) AS time,
    told.amount,
    'deposit' AS kind,
    told.tr_id::VARCHAR AS key
FROM travel_rule_deposits AS told
LEFT JOIN known USING (account, asset, tx_id, amount)
WHERE told.gone_since IS NULL AND told.deposit_status IN (1, 6)
