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
days AS (
    SELECT dataset, market, symbol, time_bucket(INTERVAL 1 DAY, time) AS day, count(*) AS rows
    FROM all_instants
    SEMI JOIN files USING (dataset, market, symbol)
    GROUP BY ALL
)
SELECT files.dataset, files.market, files.symbol, path, brought, coalesce(sum(days.rows), 0)::BIGINT AS stored
FROM files
LEFT JOIN days
    ON files.dataset = days.dataset
    AND files.market = days.market
    AND files.symbol = days.symbol
    AND day >= since
    AND day < until
GROUP BY ALL
HAVING stored < brought
ORDER BY ALL
