-- severity: warn
-- No audit of the last seven days found candles of the archive that the exchange does not print the same.
SELECT checked_at, offending_rows AS differing, "sample"
FROM check_results
WHERE check_name = 'archive_audit' AND NOT passed AND checked_at > getvariable('checked_at') - INTERVAL 7 DAY
ORDER BY checked_at
