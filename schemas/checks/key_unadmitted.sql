-- severity: warn
-- Within seven days no API key signed a request that no run let in after looking at what the key may do.
SELECT
    account,
    key_fingerprint AS fingerprint,
    count(*) AS requests,
    min(asked_at) AS first,
    max(asked_at) AS last,
    list(DISTINCT host ORDER BY host) AS hosts
FROM api_requests
ANTI JOIN key_fact_versions AS admitted
    ON admitted.fingerprint = key_fingerprint AND admitted.account IS NOT DISTINCT FROM api_requests.account
WHERE key_fingerprint IS NOT NULL
    AND host IS NOT NULL -- an earlier binlake let keys in without writing it down
    AND asked_at >= getvariable('watched_since')
GROUP BY ALL
ORDER BY ALL
