-- severity: warn
-- Minute candles of spot have the prices, the volume and the number of the trades that are stored of their minute. Of
-- a minute with a gap nothing is said, nor of futures, whose candles count what no list of trades has.
WITH compared AS (
    SELECT candles.*
    FROM klines AS candles
    JOIN coverage ON coverage.dataset = 'trades' AND candles.symbol = coverage.symbol AND coverage.market = 'spot'
    WHERE candles.market = 'spot' AND candles."interval" = '1m'
        AND open_time >= since AND open_time + INTERVAL 1 MINUTE <= until
),
made AS (
    SELECT
        symbol,
        time_bucket(INTERVAL 1 MINUTE, time) AS open_time,
        arg_min(price, trade_id) AS open,
        max(price) AS high,
        min(price) AS low,
        arg_max(price, trade_id) AS close,
        sum(qty) AS volume,
        count(*) AS trade_count
    FROM trades
    WHERE market = 'spot' AND symbol IN (SELECT symbol FROM compared)
    GROUP BY ALL
)
SELECT
    'spot' AS market,
    symbol,
    open_time,
    compared.volume,
    made.volume AS traded_volume,
    compared.trade_count,
    made.trade_count AS trades
FROM compared
LEFT JOIN made USING (symbol, open_time)
ANTI JOIN gaps
    ON gaps.dataset = 'trades'
    AND gaps.market = 'spot'
    AND gaps.symbol = compared.symbol
    AND gaps.since < compared.open_time + INTERVAL 1 MINUTE
    AND coalesce(gaps.until, 'infinity') >= compared.open_time
WHERE (compared.trade_count, compared.volume) IS DISTINCT FROM (coalesce(made.trade_count, 0), coalesce(made.volume, 0))
    OR (compared.trade_count > 0 AND (compared.open, compared.high, compared.low, compared.close)
        IS DISTINCT FROM (made.open, made.high, made.low, made.close))
ORDER BY ALL
