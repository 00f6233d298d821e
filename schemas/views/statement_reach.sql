-- The stretches over which imported statements tell all that moved an asset of a wallet: from the first row to the last of
-- each transaction history, and of each one of futures, that tells of the asset there, unless one of its operations is
-- unknown. None tells what came after its import, whatever its rows are dated. What overlaps is one stretch.
CREATE OR REPLACE VIEW statement_reach AS
WITH spans AS (
    SELECT account, file, min(time) AS since, least(max(time), max(imported_at)) AS until
    FROM statement_rows
    WHERE kind IN ('transaction_history', 'futures_income') AND time IS NOT NULL
    GROUP BY ALL
),
told AS (
    SELECT DISTINCT account, wallet, asset, since, until
    FROM statement_movements
    JOIN spans USING (account, file)
    WHERE kind IS NOT NULL
),
begun AS (
    SELECT
        *,
        since > max(until) OVER (
            PARTITION BY account, wallet, asset
            ORDER BY since, until
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS apart
    FROM told
),
numbered AS (
    SELECT
        *, count(*) FILTER (apart) OVER (PARTITION BY account, wallet, asset ORDER BY since, until) AS stretch
    FROM begun
)
SELECT account, wallet, asset, min(since) AS since, max(until) AS until
FROM numbered
GROUP BY account, wallet, asset, stretch
