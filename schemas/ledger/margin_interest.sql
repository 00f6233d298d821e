-- wallets: margin_debt, isolated_margin_debt
-- Interest makes the debt larger; it leaves the wallet when it is repaid.
SELECT
    account,
    replace(coalesce('isolated_margin:' || isolated_symbol, wallet), 'margin', 'margin_debt') AS wallet,
    asset,
    interest_accrued_time AS time,
    -interest AS amount,
    'interest' AS kind,
    tx_id::VARCHAR AS key,
    NULL AS note
FROM margin_interest
WHERE gone_since IS NULL AND interest <> 0
-- One that is returned for cross margin and for its pair as well was charged once.
QUALIFY row_number() OVER (PARTITION BY account, tx_id ORDER BY margin_interest.wallet) = 1
