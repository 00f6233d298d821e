-- severity: error
-- Every stored candle was closed when coverage took it in.
SELECT market, symbol, "interval", open_time, close_time, until
FROM klines
JOIN coverage USING (market, symbol, "interval")
WHERE dataset = 'klines' AND close_time >= until
