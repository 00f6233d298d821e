-- The last price of each symbol; a symbol without one for a week before its market's newest snapshot has none.
CREATE OR REPLACE VIEW latest_prices AS
SELECT market, symbol, arg_max(price, observed_at) AS price, max(observed_at) AS observed_at
FROM prices
JOIN (SELECT market, observed_at AS newest FROM bounds WHERE dataset = 'prices') USING (market)
WHERE observed_at >= newest - INTERVAL 7 DAY
GROUP BY market, symbol
