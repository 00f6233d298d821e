-- severity: error
-- Of what comes along time from the archive alone, each row that a file brought is stored.
WITH files AS (
    SELECT archive_files.* EXCLUDE ("interval"), archive_files.rows AS brought
    FROM archive_files
    JOIN coverage USING (dataset, market, symbol)
    SEMI JOIN time_grids USING (dataset)
    WHERE dataset <> 'funding_rates' -- which the exchange prints too
        AND archive_files.rows > 0
        AND archive_files.since >= coverage.since
        AND archive_files.until <= coverage.until
),
-- Days are numbered: to find the start of each takes twenty times as long.
days AS (
    SELECT dataset, market, symbol, epoch_us(time) // 86_400_000_000 AS day, count(*) AS rows
    FROM all_instants
    WHERE dataset IN (SELECT DISTINCT dataset FROM files)
    GROUP BY ALL
),
filed AS (
    SELECT
        dataset,
        market,
        symbol,
        path,
        brought,
        unnest(range(epoch_us(since) // 86_400_000_000, epoch_us(until) // 86_400_000_000)) AS day
    FROM files
)
SELECT dataset, market, symbol, path, brought, coalesce(sum(days.rows), 0)::BIGINT AS stored
FROM filed
LEFT JOIN days USING (dataset, market, symbol, day)
GROUP BY ALL
HAVING stored < brought
ORDER BY ALL
