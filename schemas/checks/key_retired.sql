-- severity: error
-- Within seven days no run began to use an API key after another key had taken its place.
WITH signed AS (
    SELECT account, key_fingerprint AS fingerprint, run, host, pid, count(*) AS requests, min(asked_at) AS first
    FROM api_requests
    WHERE key_fingerprint IS NOT NULL AND asked_at >= getvariable('watched_since')
    GROUP BY ALL
)
SELECT signed.*, seen_at AS retired_at
FROM signed
-- A run that goes on with the key it began with is none: it began before.
ASOF JOIN key_fact_versions AS known
    ON signed.account = known.account AND signed.fingerprint = known.fingerprint AND signed.first > known.seen_at
WHERE known.state = 'retired'
ORDER BY ALL
