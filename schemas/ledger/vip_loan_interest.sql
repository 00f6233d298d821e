-- wallets: loan_debt
-- Interest makes the debt larger; a repayment pays it.
SELECT
    account,
    'loan_debt' AS wallet,
    loan_coin AS asset,
    accrual_time AS time,
    -interest_amount AS amount,
    'interest' AS kind,
    concat_ws('/', order_id, epoch_us(accrual_time), ordinal) AS key,
    NULL AS note
FROM vip_loan_interest
WHERE gone_since IS NULL AND interest_amount <> 0
