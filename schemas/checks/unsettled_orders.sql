-- severity: warn
-- The last run over an account's orders was whole, so that it settled every order that was stored as open.
WITH last_runs AS (
    SELECT account, arg_max(run, ended) AS run, arg_max(outcome, ended) AS outcome, arg_max(started, ended) AS started
    FROM runs
    WHERE dataset = 'orders'
    GROUP BY ALL
)
SELECT account, market, symbol, order_id, status, time, seen_at, run, outcome
FROM open_orders
JOIN last_runs USING (account)
WHERE outcome <> 'done' AND seen_at < started
ORDER BY ALL
