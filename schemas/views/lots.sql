-- `lots(quote)`: first in, first out: each part of what was acquired (`in_key`, `acquired_at`) with the disposal that took
-- it, or with none while it is held. What was disposed of beyond all that the ledger shows as acquired has no `in_key`
-- and no cost. The parts of a lot cost what the lot did, to the last digit.
CREATE OR REPLACE MACRO lots(quote) AS TABLE
WITH ordered AS (
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
    SELECT *, least(0, min(balance) OVER (PARTITION BY account, asset ORDER BY n ROWS UNBOUNDED PRECEDING)) AS low
    FROM ordered
),
shortened AS (
    SELECT
        *,
        -- What takes the balance below all that it ever was has no lot.
        (coalesce(lag(low) OVER history, 0) - low)::DECIMAL(38, 12) AS short,
        qty - short AS matched
    FROM lowest
    WINDOW history AS (PARTITION BY account, asset ORDER BY n)
),
taken AS MATERIALIZED (
    SELECT
        *,
        sum(matched) OVER (PARTITION BY account, asset, comes ORDER BY n ROWS UNBOUNDED PRECEDING)::DECIMAL(38, 12)
            AS ends,
        ends - matched AS begins
    FROM shortened
),
ins AS (
    SELECT account, asset, ends, begins, qty, net_value, time, why, dataset, key FROM taken WHERE comes
),
outs AS (
    SELECT account, asset, ends, begins, qty, short, net_value, time, why, event, kind, dataset, key
    FROM taken
    WHERE NOT comes AND matched > 0
),
cuts AS (
    SELECT account, asset, ends, lag(ends, 1, 0) OVER (PARTITION BY account, asset ORDER BY ends) AS begins
    FROM (SELECT account, asset, ends FROM ins UNION SELECT account, asset, ends FROM outs)
),
pieces AS (
    SELECT
        cuts.account,
        cuts.asset,
        ins.time AS acquired_at,
        ins.dataset AS in_dataset,
        ins.key AS in_key,
        outs.time AS disposed_at,
        outs.event,
        outs.kind,
        outs.dataset,
        outs.key,
        cuts.ends - cuts.begins AS qty,
        CASE WHEN cuts.ends = ins.ends THEN ins.net_value
            ELSE (ins.net_value * ((cuts.ends - ins.begins) / ins.qty))::DECIMAL(38, 8) END
            - (ins.net_value * ((cuts.begins - ins.begins) / ins.qty))::DECIMAL(38, 8) AS cost,
        CASE WHEN cuts.ends = outs.begins + outs.qty THEN outs.net_value
            ELSE (outs.net_value * ((cuts.ends - outs.begins) / outs.qty))::DECIMAL(38, 8) END
            - (outs.net_value * ((cuts.begins - outs.begins) / outs.qty))::DECIMAL(38, 8) AS proceeds,
        coalesce(ins.why, outs.why) AS why
    FROM cuts
    ASOF JOIN ins ON cuts.account = ins.account AND cuts.asset = ins.asset AND cuts.ends <= ins.ends
    ASOF LEFT JOIN outs ON cuts.account = outs.account AND cuts.asset = outs.asset AND cuts.ends <= outs.ends
)
FROM pieces
UNION ALL BY NAME
SELECT
    account,
    asset,
    time AS disposed_at,
    event,
    kind,
    dataset,
    key,
    short AS qty,
    net_value - (CASE WHEN matched = 0 THEN 0 ELSE net_value * (matched / qty) END)::DECIMAL(38, 8) AS proceeds,
    'more was disposed of than the ledger shows as acquired' AS why
FROM taken
WHERE short > 0
