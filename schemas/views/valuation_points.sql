-- The candles by which assets are valued: of the minute of an event, and of each day that an asset is held or moved.
CREATE OR REPLACE VIEW valuation_points AS
WITH days AS (
    SELECT asset, min(time) AS first, max(time) AS last, false AS is_held
    FROM ledger
    GROUP BY asset
    UNION ALL
    SELECT asset, min(observed_at), max(observed_at), false
    FROM balances
    WHERE NOT is_receipt(asset)
    GROUP BY asset
    UNION ALL
    SELECT asset, min(observed_at), max(observed_at), true
    FROM latest_balances
    WHERE total <> 0 AND NOT is_receipt(asset)
    GROUP BY asset
),
spans AS (
    SELECT
        asset,
        date_trunc('day', min(first)) AS first,
        date_trunc('day', CASE WHEN bool_or(is_held) THEN (SELECT max(last) FROM days) ELSE max(last) END) AS last
    FROM days
    GROUP BY asset
)
SELECT DISTINCT asset, '1m' AS "interval", date_trunc('minute', time) AS open_time
FROM account_events
UNION ALL
SELECT asset, '1d' AS "interval", unnest(generate_series(first, last, INTERVAL 1 DAY)) AS open_time
FROM spans
