-- The candles by which assets are valued: of the minute of an event, and of each day that an asset is held or moved. What a
-- wallet's first snapshot shows, and no movement until then, was held since the wallet's first movement.
CREATE OR REPLACE VIEW valuation_points AS
WITH openings AS (
    SELECT account, wallet, min(observed_at) AS opening FROM balance_snapshots GROUP BY ALL
),
moved AS MATERIALIZED (
    SELECT
        account, wallet, asset, min(time) AS first, max(time) AS last,
        coalesce(sum(amount) FILTER (time <= opening), 0) AS moved_before
    FROM ledger
    LEFT JOIN openings USING (account, wallet)
    GROUP BY account, wallet, asset
),
held_before AS (
    SELECT account, asset, begun.first
    FROM balances
    JOIN openings USING (account, wallet)
    JOIN (SELECT account, wallet, min(first) AS first FROM moved GROUP BY ALL) AS begun USING (account, wallet)
    LEFT JOIN moved USING (account, wallet, asset)
    WHERE observed_at = opening AND free + coalesce(locked, 0) <> coalesce(moved_before, 0) AND NOT is_receipt(asset)
),
days AS (
    SELECT account, asset, first, last, false AS is_held FROM moved
    UNION ALL
    SELECT account, asset, first, first, false FROM held_before
    UNION ALL
    SELECT account, asset, min(observed_at), max(observed_at), false
    FROM balances
    WHERE NOT is_receipt(asset)
    GROUP BY account, asset
    UNION ALL
    SELECT account, asset, min(observed_at), max(observed_at), true
    FROM latest_balances
    WHERE total <> 0 AND NOT is_receipt(asset)
    GROUP BY account, asset
),
lasts AS (
    SELECT account, max(last) AS newest FROM days GROUP BY account
),
spans AS (
    SELECT
        account,
        asset,
        date_trunc('day', min(first)) - INTERVAL 1 DAY AS first, -- whose close values the first snapshot
        date_trunc('day', CASE WHEN bool_or(is_held) THEN any_value(newest) ELSE max(last) END) AS last
    FROM days
    JOIN lasts USING (account)
    GROUP BY account, asset
)
SELECT DISTINCT account, asset, '1m' AS "interval", date_trunc('minute', time) AS open_time
FROM account_events
UNION ALL
SELECT account, asset, '1d' AS "interval", unnest(generate_series(first, last, INTERVAL 1 DAY)) AS open_time
FROM spans
