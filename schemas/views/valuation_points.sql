-- The candles by which assets are valued: of the minute of an event, and of each day that an asset is held or moved.
CREATE OR REPLACE VIEW valuation_points AS
WITH days AS (
    SELECT account, asset, min(time) AS first, max(time) AS last, false AS is_held
    FROM ledger
    GROUP BY account, asset
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
