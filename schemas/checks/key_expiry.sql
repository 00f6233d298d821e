-- severity: warn
-- No API key in use ends within `expiry_notice` of its account (14d unless flows.yaml says otherwise).
SELECT account, fingerprint, expires, date_diff('day', getvariable('checked_at'), expires) AS days_left
FROM current_keys
JOIN key_terms USING (account)
WHERE expires - to_seconds(notice_s) < getvariable('checked_at')
ORDER BY ALL
