-- wallets: spot, loan
-- Collateral goes from spot to the loan, or back.
WITH moved AS (
    SELECT
        *,
        CASE direction WHEN 'ADDITIONAL' THEN collateral_amount ELSE -collateral_amount END AS added,
        concat_ws('/', loan_coin, collateral_coin, epoch_us(adjust_time), ordinal) AS key
    FROM loan_adjustments
    WHERE gone_since IS NULL AND direction IN ('ADDITIONAL', 'REDUCED')
),
legs AS (
    SELECT *, 'loan' AS wallet, added AS amount FROM moved
    UNION ALL BY NAME
    SELECT *, 'spot' AS wallet, -added AS amount FROM moved
)
SELECT
    account,
    wallet,
    collateral_coin AS asset,
    adjust_time AS time,
    amount,
    CASE WHEN amount < 0 THEN 'transfer_out' ELSE 'transfer_in' END AS kind,
    key,
    direction AS note
FROM legs
