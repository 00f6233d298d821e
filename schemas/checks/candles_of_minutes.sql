-- severity: warn
-- Each hour candle has the prices, the volumes and the number of trades of its sixty minute candles, on every market. Of
-- an hour that lacks a minute nothing is said, nor of the volume of coinm in the base asset, which is rounded in each.
WITH hours AS (
    SELECT *, CASE WHEN market <> 'coinm' THEN quote_volume END AS quoted FROM klines WHERE "interval" = '1h'
),
made AS (
    SELECT
        market,
        symbol,
        time_bucket(INTERVAL 1 HOUR, open_time) AS open_time,
        arg_min(open, open_time) AS open,
        max(high) AS high,
        min(low) AS low,
        arg_max(close, open_time) AS close,
        sum(volume) AS volume,
        sum(CASE WHEN market <> 'coinm' THEN quote_volume END) AS quoted,
        sum(trade_count) AS trade_count
    FROM klines
    WHERE "interval" = '1m' AND (market, symbol) IN (SELECT market, symbol FROM hours)
    GROUP BY ALL
    HAVING count(*) = 60
)
SELECT
    market,
    symbol,
    open_time,
    hours.volume,
    made.volume AS made_volume,
    hours.trade_count,
    made.trade_count AS made_trade_count
FROM hours
JOIN made USING (market, symbol, open_time)
WHERE (hours.open, hours.high, hours.low, hours.close, hours.volume, hours.quoted, hours.trade_count)
    IS DISTINCT FROM (made.open, made.high, made.low, made.close, made.volume, made.quoted, made.trade_count)
ORDER BY ALL
