-- wallets: spot, loan, loan_debt
-- A repayment takes its coin of spot and off the debt; collateral that comes free goes back to spot.
WITH done AS (
    SELECT *, concat_ws('/', loan_coin, collateral_coin, epoch_us(repay_time), ordinal) AS key
    FROM loan_repayments
    WHERE gone_since IS NULL AND repay_status IN ('REPAID', 'Repaid')
),
legs AS (
    SELECT *, 'spot' AS wallet, loan_coin AS asset, -repay_amount AS amount, 'repay' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'loan_debt' AS wallet, loan_coin AS asset, repay_amount AS amount, 'repay' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'loan' AS wallet, collateral_coin AS asset, -collateral_return AS amount, 'transfer_out' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'spot' AS wallet, collateral_coin AS asset, collateral_return AS amount, 'transfer_in' AS kind FROM done
)
SELECT account, wallet, asset, repay_time AS time, amount, kind, key, NULL AS note
FROM legs
WHERE amount <> 0
