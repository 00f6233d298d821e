-- severity: warn
-- No API key in use is older than `rotate_every` of its account (365d unless flows.yaml says otherwise).
SELECT
    account,
    fingerprint,
    created,
    date_diff('day', created, getvariable('checked_at')) AS days,
    max_age_s // 86400 AS most_days
FROM current_keys
JOIN key_terms USING (account)
WHERE created + to_seconds(max_age_s) < getvariable('checked_at')
ORDER BY ALL
