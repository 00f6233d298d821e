-- severity: warn
-- The minute candles of each hour of spot sum up to the volume of its aggregates. One that spans the turn of an hour is
-- counted in either; of an hour with a gap nothing is said, nor of futures, whose candles count what aggregates leave out.
WITH hours AS (
    SELECT klines.symbol, time_bucket(INTERVAL 1 HOUR, open_time) AS hour, sum(volume) AS volume
    FROM klines
    JOIN coverage ON coverage.dataset = 'agg_trades' AND klines.symbol = coverage.symbol AND coverage.market = 'spot'
    WHERE klines.market = 'spot' AND klines."interval" = '1m' AND hour >= since AND hour + INTERVAL 1 HOUR <= until
    GROUP BY ALL
    HAVING count(*) = 60
),
made AS (
    SELECT
        symbol,
        time_bucket(INTERVAL 1 HOUR, time) AS hour,
        sum(qty) AS volume,
        arg_max(qty, agg_trade_id) AS last_qty,
        arg_min(qty, agg_trade_id) AS first_qty
    FROM agg_trades
    WHERE market = 'spot' AND symbol IN (SELECT symbol FROM hours)
    GROUP BY ALL
)
SELECT 'spot' AS market, symbol, hour, hours.volume, made.volume AS aggregated_volume
FROM hours
LEFT JOIN made USING (symbol, hour)
ANTI JOIN gaps
    ON gaps.dataset = 'agg_trades'
    AND gaps.market = 'spot'
    AND gaps.symbol = hours.symbol
    AND gaps.since < hours.hour + INTERVAL 1 HOUR
    AND coalesce(gaps.until, 'infinity') >= hours.hour
WHERE abs(hours.volume - coalesce(made.volume, 0)) > coalesce(made.last_qty + made.first_qty, 0)
ORDER BY ALL
