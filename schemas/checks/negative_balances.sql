-- severity: error
-- No balance is below zero but in the wallets of debts, and in those of futures, which losses may overdraw.
SELECT account, wallet, asset, free, locked, observed_at
FROM balances
WHERE (free < 0 OR locked < 0) AND wallet NOT LIKE '%debt%' AND wallet NOT IN ('usdm', 'coinm')
