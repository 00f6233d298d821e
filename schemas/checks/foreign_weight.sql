-- severity: warn
-- Within seven days the exchange counted no more weight than binlake spent on this machine; otherwise somebody shares
-- the address or the API key, or a weight is declared too low (`weight_drift`).
SELECT
    CASE WHEN pool LIKE 'uid:%' THEN 'account' ELSE 'address' END AS counted_by,
    pool,
    count(DISTINCT date_trunc('minute', asked_at)) AS minutes,
    max(used_weight - own_weight) AS most_weight,
    min(asked_at) AS first,
    max(asked_at) AS last
FROM api_requests
WHERE used_weight > own_weight AND asked_at >= getvariable('watched_since')
GROUP BY ALL
ORDER BY ALL
