-- What is covered of each series that has a cursor, by instants or by ids; `checked_at` is when a run was last done.
CREATE OR REPLACE VIEW coverage AS
WITH done AS (
    SELECT dataset, market, account, max(ended) AS checked_at
    FROM runs
    WHERE outcome = 'done'
    GROUP BY ALL
)
SELECT reached.* EXCLUDE (observed_at), done.checked_at
FROM series_reached AS reached
LEFT JOIN done
    ON reached.dataset = done.dataset
    AND reached.market IS NOT DISTINCT FROM done.market
    AND reached.account IS NOT DISTINCT FROM done.account
WHERE reached.until IS NOT NULL OR reached.until_id IS NOT NULL
