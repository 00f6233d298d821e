-- severity: warn
-- Every gap that was first seen more than an hour ago has been confirmed by a second look, and none waits for a file of
-- the archive that did not come or cannot be read, or is known by its silence alone.
SELECT dataset, market, symbol, "interval", account, since, until, reason, first_seen, evidence
FROM gaps
WHERE first_seen < getvariable('checked_at') - INTERVAL 1 HOUR
    AND (confirmed_at IS NULL OR reason IN ('unavailable', 'unusable', 'late', 'not_in_archive'))
ORDER BY ALL
