-- severity: error
-- Every stored candle was closed when coverage took it in.
SELECT dataset, market, symbol, "interval", open_time, close_time, until
FROM all_candles
JOIN coverage USING (dataset, market, symbol, "interval")
WHERE close_time >= until
