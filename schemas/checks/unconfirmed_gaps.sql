-- severity: warn
-- Every gap that was first seen more than an hour ago has been confirmed by a second look.
SELECT dataset, market, symbol, "interval", account, since, until, reason, first_seen
FROM gaps
WHERE confirmed_at IS NULL AND first_seen < getvariable('checked_at') - INTERVAL 1 HOUR
ORDER BY ALL
