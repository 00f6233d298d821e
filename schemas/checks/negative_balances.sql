-- severity: error
-- No balance is below zero.
SELECT account, wallet, asset, free, locked, observed_at
FROM balances
WHERE free < 0 OR locked < 0
