-- What is covered of each series that has a cursor, by instants or by ids; `checked_at` is when a run was last done.
CREATE OR REPLACE VIEW coverage AS
WITH done AS (
    SELECT dataset, market, account, max(ended) AS checked_at
    FROM runs
    WHERE outcome = 'done'
    GROUP BY ALL
)
SELECT
    bounds.dataset,
    bounds.market,
    bounds.symbol,
    bounds."interval",
    bounds.account,
    bounds.since,
    bounds.until,
    bounds.since_id,
    bounds.until_id,
    done.checked_at
FROM bounds
LEFT JOIN done
    ON bounds.dataset = done.dataset
    AND bounds.market IS NOT DISTINCT FROM done.market
    AND bounds.account IS NOT DISTINCT FROM done.account
WHERE bounds.until IS NOT NULL OR bounds.until_id IS NOT NULL
