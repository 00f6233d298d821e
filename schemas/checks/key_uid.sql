-- severity: error
-- All API keys of an account belong to one account of the exchange.
SELECT account, fingerprint, uid, seen_at
FROM key_fact_versions
WHERE account IN (SELECT account FROM key_fact_versions GROUP BY account HAVING count(DISTINCT uid) > 1)
ORDER BY ALL
