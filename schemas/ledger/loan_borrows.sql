-- wallets: spot, loan, loan_debt
-- A loan gives its coin to spot and makes a debt of it; its collateral goes from spot to the loan.
WITH done AS (
    SELECT
        *,
        initial_loan_amount AS lent,
        initial_collateral_amount AS secured,
        concat_ws('/', loan_coin, collateral_coin, epoch_us(borrow_time), ordinal) AS key
    FROM loan_borrows
    WHERE gone_since IS NULL AND status IN ('SUCCESS', 'Succeeds')
),
legs AS (
    SELECT *, 'spot' AS wallet, loan_coin AS asset, lent AS amount, 'borrow' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'loan_debt' AS wallet, loan_coin AS asset, -lent AS amount, 'borrow' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'spot' AS wallet, collateral_coin AS asset, -secured AS amount, 'transfer_out' AS kind FROM done
    UNION ALL BY NAME
    SELECT *, 'loan' AS wallet, collateral_coin AS asset, secured AS amount, 'transfer_in' AS kind FROM done
)
SELECT account, wallet, asset, borrow_time AS time, amount, kind, key, NULL AS note
FROM legs
WHERE amount <> 0
