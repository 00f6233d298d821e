-- severity: warn
-- Every operation of imported statements is one that binlake knows; any other moves nothing in `ledger`.
FROM unknown_operations
ORDER BY ALL
