-- `average_costs(quote)`: how much of an asset is `held` after each event and what it cost on average (`cost`), and the
-- part of the cost that an event took away (`cost_taken`). `short` is what was disposed of beyond all that the ledger
-- shows as acquired. A cost that is not known makes all costs NULL until nothing is held. Derived: computed as DOUBLE.
-- A cost is linear in the one before it, so that ever longer stretches of the history are joined, each twice the last.
CREATE OR REPLACE MACRO average_costs(quote) AS TABLE
WITH RECURSIVE ordered AS (
    SELECT
        *,
        event IN ('acquired', 'received') AS comes,
        row_number() OVER history AS n,
        sum(CASE WHEN comes THEN qty ELSE -qty END) OVER history AS balance
    FROM tax_events(quote)
    WINDOW history AS (
        PARTITION BY account, asset ORDER BY time, comes DESC, dataset, key, kind ROWS UNBOUNDED PRECEDING
    )
),
lowest AS (
    SELECT
        *,
        least(0, min(balance) OVER (PARTITION BY account, asset ORDER BY n ROWS UNBOUNDED PRECEDING)) AS low,
        (balance - low)::DECIMAL(38, 12) AS held
    FROM ordered
),
steps AS MATERIALIZED (
    SELECT
        *,
        coalesce(lag(held) OVER history, 0)::DECIMAL(38, 12) AS held_before,
        coalesce(lag(low) OVER history, 0) - low AS short
    FROM lowest
    WINDOW history AS (PARTITION BY account, asset ORDER BY n)
),
scanned AS (
    SELECT
        account,
        asset,
        n,
        1 AS reach,
        CASE WHEN comes THEN 1 WHEN held_before = 0 THEN 0 ELSE held / held_before END::DOUBLE AS keeps,
        CASE WHEN comes THEN coalesce(net_value, 0) ELSE 0 END::DOUBLE AS cost,
        CASE WHEN comes AND net_value IS NULL THEN qty ELSE 0 END::DOUBLE AS unknown
    FROM steps
    UNION ALL
    SELECT
        account,
        asset,
        n,
        2 * reach,
        keeps * lag(keeps, reach, 1) OVER history,
        keeps * lag(cost, reach, 0) OVER history + cost,
        keeps * lag(unknown, reach, 0) OVER history + unknown
    FROM scanned
    WHERE reach < (SELECT max(n) FROM steps)
    WINDOW history AS (PARTITION BY account, asset ORDER BY n)
)
SELECT
    account,
    asset,
    n,
    time,
    event,
    kind,
    qty,
    held,
    CASE WHEN held = 0 THEN 0 WHEN unknown = 0 THEN cost END::DECIMAL(38, 8) AS cost,
    short,
    CASE WHEN unknown_before = 0 THEN cost_before * (1 - keeps_one) END::DECIMAL(38, 8) AS cost_taken,
    net_value,
    why,
    dataset,
    key
FROM (
    SELECT
        *,
        lag(cost, 1, 0) OVER history AS cost_before,
        lag(unknown, 1, 0) OVER history AS unknown_before,
        CASE WHEN comes THEN 1 WHEN held_before = 0 THEN 0 ELSE held / held_before END::DOUBLE AS keeps_one
    FROM steps
    JOIN (FROM scanned WHERE reach >= (SELECT max(n) FROM steps)) USING (account, asset, n)
    WINDOW history AS (PARTITION BY account, asset ORDER BY n)
)
