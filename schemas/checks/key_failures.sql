-- severity: warn
-- Within seven days the exchange did not refuse an API key or its signature three times in an hour.
WITH failed AS (
    SELECT account, key_fingerprint AS fingerprint, asked_at, host, coalesce(code, status) AS code, count(*) OVER (
        PARTITION BY account, key_fingerprint ORDER BY asked_at
        RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW
    ) AS within_an_hour
    FROM api_requests
    WHERE key_fingerprint IS NOT NULL
        AND asked_at >= getvariable('watched_since')
        AND (status = 401 OR code IN (-1022, -2014, -2015))
)
SELECT
    account,
    fingerprint,
    count(*) AS failures,
    max(within_an_hour) AS most_within_an_hour,
    list(DISTINCT code ORDER BY code) AS codes,
    min(asked_at) AS first,
    max(asked_at) AS last,
    list(DISTINCT host ORDER BY host) AS hosts
FROM failed
GROUP BY ALL
HAVING most_within_an_hour >= 3
ORDER BY ALL
