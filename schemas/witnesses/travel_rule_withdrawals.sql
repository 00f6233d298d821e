-- owners: withdrawals
-- within: 1 hour
-- Withdrawals under the travel rule, and their fees, each beside the withdrawal with the same id. One that failed is
-- left to its owner: what it took was given back.
WITH told AS (
    SELECT
        told.account,
        CASE coalesce(known.wallet_type, told.wallet_type, 0) WHEN 0 THEN 'spot' WHEN 1 THEN 'funding' END AS wallet,
        told.asset,
        coalesce(known.apply_time, told.apply_time) AS time,
        told.amount,
        told.transaction_fee,
        told.tr_id::VARCHAR AS key
    FROM travel_rule_withdrawals AS told
    LEFT JOIN withdrawals AS known
        ON known.account = told.account AND known.withdrawal_id = told.withdrawal_id AND known.gone_since IS NULL
    WHERE told.gone_since IS NULL
        AND told.withdrawal_status IN (0, 2, 4, 6)
        AND coalesce(known.status, 6) NOT IN (1, 3, 5)
)
SELECT account, wallet, asset, time, -amount AS amount, 'withdrawal' AS kind, key
FROM told
WHERE wallet IS NOT NULL
UNION ALL BY NAME
SELECT account, wallet, asset, time, -transaction_fee AS amount, 'withdrawal_fee' AS kind, key
FROM told
WHERE wallet IS NOT NULL AND transaction_fee <> 0
