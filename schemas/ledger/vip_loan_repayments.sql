-- wallets: spot, loan_debt
-- A repayment takes its coin of spot and off the debt. The collateral stays in the wallets it was in.
WITH done AS (
    SELECT *, concat_ws('/', order_id, epoch_us(repay_time), ordinal) AS key
    FROM vip_loan_repayments
    WHERE gone_since IS NULL AND repay_status = 'Repaid'
)
SELECT
    account, 'spot' AS wallet, loan_coin AS asset, repay_time AS time, -repay_amount AS amount, 'repay' AS kind, key,
    NULL AS note
FROM done
UNION ALL BY NAME
SELECT
    account, 'loan_debt' AS wallet, loan_coin AS asset, repay_time AS time, repay_amount AS amount, 'repay' AS kind,
    key, NULL AS note
FROM done
