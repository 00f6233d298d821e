-- severity: warn
-- Within seven days no API key gained or lost a permission or its restriction to addresses.
WITH versions AS (
    SELECT
        account,
        fingerprint,
        seen_at,
        row_number() OVER history AS version,
        lag(permissions) OVER history AS permissions_before,
        permissions,
        lag(ip_restricted) OVER history AS ip_restricted_before,
        ip_restricted
    FROM key_fact_versions
    WINDOW history AS (PARTITION BY account, fingerprint ORDER BY seen_at)
)
SELECT * EXCLUDE (version)
FROM versions
WHERE version > 1
    AND seen_at >= getvariable('watched_since')
    AND (permissions <> permissions_before OR ip_restricted IS DISTINCT FROM ip_restricted_before)
ORDER BY ALL
