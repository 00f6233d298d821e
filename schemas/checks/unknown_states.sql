-- severity: warn
-- Every row of a ledger says in words that binlake knows whether it moved anything; with any other it moves nothing.
FROM unknown_states
ORDER BY ALL
