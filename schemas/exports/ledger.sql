-- Every movement, as the view `ledger` shows it.
SELECT account, wallet, asset, time, amount, kind, dataset, key, note
FROM ledger
WHERE account = coalesce(getvariable('exported_account'), account)
ORDER BY time, account, dataset, key, wallet, asset, kind
