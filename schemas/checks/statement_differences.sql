-- severity: warn
-- What a statement and the API tell of one movement is the same amount at the same time; where it differs, the API's
-- counts.
SELECT account, wallet, asset, time, amount, operation, reason, dataset, key, api_time, api_amount
FROM statement_matches
WHERE status = 'differs'
ORDER BY ALL
