-- The grid that the candles of each series lie on; 3d has the symbol's own, which only its candles show.
CREATE OR REPLACE VIEW grids AS
WITH own AS (
    SELECT dataset, market, symbol, "interval", mode(epoch_us(open_time) % 259200000000) AS anchor_us
    FROM all_candles
    WHERE "interval" = '3d'
    GROUP BY ALL
)
SELECT
    bounds.dataset,
    bounds.market,
    bounds.symbol,
    bounds."interval",
    intervals.length_us,
    coalesce(own.anchor_us, intervals.anchor_us) AS anchor_us
FROM bounds
JOIN candle_kinds USING (dataset)
JOIN intervals USING ("interval")
LEFT JOIN own USING (dataset, market, symbol, "interval")
