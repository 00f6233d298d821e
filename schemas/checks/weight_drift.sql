-- severity: warn
-- The header of the exchange rises by the weight that we declare for a request.
WITH requests AS (
    SELECT
        *,
        date_trunc('minute', asked_at) AS minute,
        -- A request without an answer may have been counted at any time of its minute.
        coalesce(answered_at, asked_at + INTERVAL 1 MINUTE) AS ended
    FROM api_requests
),
placed AS (
    SELECT
        *,
        max(ended) OVER earlier AS earlier_ended,
        lead(asked_at) OVER (PARTITION BY pool ORDER BY asked_at, run, n) AS next_asked,
        -- The exchange's minute may turn a little before or after ours, so its first and last second prove nothing.
        max(used_weight) FILTER (status = 200 AND asked_at >= minute + INTERVAL 1 SECOND) OVER (
            PARTITION BY pool, minute ORDER BY asked_at, run, n
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS used_before
    FROM requests
    WINDOW earlier AS (PARTITION BY pool ORDER BY asked_at, run, n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
observed AS (
    SELECT
        pool, path, weight, used_weight, used_weight - used_before AS increase,
        -- A header that fell shows that the exchange's minute turned within ours, where our clock was off.
        bool_or(used_weight < used_before) OVER (PARTITION BY pool, minute) AS turned
    FROM placed
    WHERE status = 200
        AND used_weight IS NOT NULL
        AND used_before IS NOT NULL
        AND ended < minute + INTERVAL 59 SECOND
        AND earlier_ended <= asked_at
        AND coalesce(next_asked >= ended, true)
)
SELECT pool, path, weight AS declared, count(*) AS observations, min(increase) AS smallest, max(increase) AS largest
FROM observed
-- The first request of a minute finds just its own weight in the header, which may be less than there was before.
WHERE NOT turned AND (increase >= weight OR used_weight <> weight)
GROUP BY pool, path, weight
-- Another program on the same address can only add, so more than declared counts when it happens every time.
HAVING smallest < declared OR (observations >= 3 AND smallest > declared)
ORDER BY ALL
