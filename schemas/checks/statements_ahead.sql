-- severity: warn
-- No row of an imported statement is dated after its import, as it would be in a wrong zone or year.
SELECT account, file_name, zone, imported_at, count(*) AS rows, min(time) AS first, max(time) AS last
FROM statement_rows
WHERE leg = 1 AND time > imported_at
GROUP BY ALL
ORDER BY ALL
