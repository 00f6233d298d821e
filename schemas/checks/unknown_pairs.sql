-- severity: warn
-- The assets of every pair that was traded are known, lest its fills move nothing in `ledger`.
SELECT account, wallet, symbol, count(*) AS fills, min(time) AS first, max(time) AS last
FROM fills_of_unknown_pairs
GROUP BY ALL
ORDER BY ALL
