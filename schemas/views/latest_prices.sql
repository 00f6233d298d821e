-- The last price of each symbol, of whichever snapshot is newer: of prices, or of tickers, which alone tell the
-- exchange's own time (`priced_at`, else NULL). `observed_at` is when it was asked for. A symbol without one for a week
-- before its market's newest snapshot has none.
CREATE OR REPLACE VIEW latest_prices AS
WITH printed AS (
    SELECT market, symbol, price, observed_at, NULL::TIMESTAMPTZ AS priced_at
    FROM prices
    UNION ALL BY NAME
    SELECT market, symbol, last_price AS price, observed_at, close_time AS priced_at
    FROM latest_tickers
),
newest AS (
    SELECT market, max(observed_at) AS newest
    FROM bounds
    WHERE dataset IN ('prices', 'tickers')
    GROUP BY market
)
SELECT
    market,
    symbol,
    arg_max(price, (observed_at, priced_at IS NOT NULL)) AS price,
    max(observed_at) AS observed_at,
    arg_max_null(priced_at, (observed_at, priced_at IS NOT NULL)) AS priced_at
FROM printed
JOIN newest USING (market)
WHERE observed_at >= newest - INTERVAL 7 DAY
GROUP BY market, symbol
