-- severity: error
-- Every change of a balance by more than 0.00000001 between two snapshots is the sum of the movements in between, where
-- every ledger of the wallet reaches over them.
SELECT account, wallet, asset, since, until, residual, causes
FROM reconciliation
WHERE status = 'unexplained' AND abs(residual) > 0.00000001
ORDER BY ALL
