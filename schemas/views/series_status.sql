-- Each series in one row: what is stored, what is covered, how far behind the clock it is, how many gaps are unfilled.
CREATE OR REPLACE VIEW series_status AS
WITH known AS (
    FROM series_rows
    UNION ALL BY NAME
    -- A symbol that was probed without finding trades is not a series.
    FROM series_reached
    WHERE coalesce(until, observed_at) IS NOT NULL OR until_id IS NOT NULL
    UNION ALL BY NAME
    FROM series_gaps
)
SELECT
    * EXCLUDE (rows, first, last, since, until, since_id, until_id, observed_at, open_gaps),
    coalesce(max(rows), 0) AS rows,
    max(first) AS first,
    max(last) AS last,
    max(since) AS since,
    coalesce(max(until), max(observed_at)) AS until,
    epoch_us(now()) // 1000000 - epoch_us(coalesce(max(until), max(observed_at))) // 1000000 AS lag_s,
    coalesce(max(open_gaps), 0) AS open_gaps
FROM known
GROUP BY ALL
HAVING max(rows) IS NOT NULL OR max(until) IS NOT NULL OR max(observed_at) IS NOT NULL OR max(until_id) IS NOT NULL
ORDER BY ALL
