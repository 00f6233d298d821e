-- wallets: spot, loan, loan_debt
-- A liquidation takes collateral and what it comes to off the debt; what is left of it goes back to spot.
WITH done AS (
    SELECT *, concat_ws('/', loan_coin, collateral_coin, epoch_us(liquidation_starting_time), ordinal) AS key
    FROM loan_liquidations
    WHERE gone_since IS NULL AND status = 'Liquidated'
),
legs AS (
    SELECT *, 'loan_debt' AS wallet, loan_coin AS asset, liquidation_debt AS amount FROM done
    UNION ALL BY NAME
    SELECT *, 'loan' AS wallet, collateral_coin AS asset, -liquidation_collateral_amount AS amount FROM done
    UNION ALL BY NAME
    SELECT *, 'spot' AS wallet, collateral_coin AS asset, return_collateral_amount AS amount FROM done
)
SELECT
    account, wallet, asset, liquidation_starting_time AS time, amount, 'liquidation' AS kind, key, NULL AS note
FROM legs
WHERE amount <> 0
