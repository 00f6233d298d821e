-- severity: error
-- The low is the lowest price and the high the highest, nothing but a premium is below zero, and takers bought at most
-- everything.
SELECT
    dataset, market, symbol, "interval", open_time, open, high, low, close, volume, taker_buy_volume, quote_volume,
    taker_buy_quote_volume, trade_count
FROM all_candles
WHERE low > least(open, close)
    OR high < greatest(open, close)
    OR low < 0 AND dataset <> 'premium_klines'
    OR volume < 0
    OR quote_volume < 0
    OR trade_count < 0
    OR taker_buy_volume NOT BETWEEN 0 AND volume
    OR taker_buy_quote_volume NOT BETWEEN 0 AND quote_volume
