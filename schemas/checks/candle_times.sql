-- severity: error
-- A candle closes after it opens and before the next one of its grid can open.
SELECT dataset, market, symbol, "interval", open_time, close_time
FROM all_candles
JOIN intervals USING ("interval")
WHERE close_time <= open_time
    OR close_time >= open_time + CASE "interval" WHEN '1M' THEN INTERVAL 1 MONTH ELSE to_microseconds(length_us) END
