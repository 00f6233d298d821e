-- wallets: margin, margin_debt, isolated_margin, isolated_margin_debt
-- What is borrowed comes to the wallet and becomes a debt; what is repaid leaves it and pays interest and principal.
WITH moved AS (
    SELECT
        * EXCLUDE (wallet),
        coalesce('isolated_margin:' || isolated_symbol, wallet) AS wallet,
        CASE operation WHEN 'borrow' THEN amount ELSE -amount END AS received,
        concat_ws('/', operation, tx_id) AS key
    FROM margin_loans
    WHERE gone_since IS NULL AND status = 'CONFIRMED'
    -- One that is returned for cross margin and for its pair as well moved once.
    QUALIFY row_number() OVER (PARTITION BY account, operation, tx_id ORDER BY margin_loans.wallet) = 1
)
SELECT
    account,
    wallet,
    asset,
    timestamp AS time,
    received AS amount,
    CASE operation WHEN 'borrow' THEN 'borrow' ELSE 'repay' END AS kind,
    key,
    NULL AS note
FROM moved
UNION ALL BY NAME
SELECT
    account,
    replace(wallet, 'margin', 'margin_debt') AS wallet,
    asset,
    timestamp AS time,
    -received AS amount,
    CASE operation WHEN 'borrow' THEN 'borrow' ELSE 'repay' END AS kind,
    key,
    NULL AS note
FROM moved
