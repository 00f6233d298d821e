-- Each asset of each wallet between its first and its last snapshot: `explained` when every change is the sum of the
-- movements in between, `unexplained` when one is not, else `not_comparable`; `residual` is the sum of what is left over.
CREATE OR REPLACE VIEW reconciled_assets AS
SELECT
    account,
    wallet,
    asset,
    min(since) AS since,
    max(until) AS until,
    count(*) AS intervals,
    count(*) FILTER (status = 'explained') AS explained,
    sum(residual)::DECIMAL(38, 12) AS residual,
    CASE
        WHEN bool_or(status = 'unexplained') THEN 'unexplained'
        WHEN bool_or(status = 'not_comparable') THEN 'not_comparable'
        ELSE 'explained'
    END AS status
FROM reconciliation
WHERE since IS NOT NULL
GROUP BY ALL
ORDER BY ALL
