-- The last rolling 24 hours of each symbol, within a week before its market's newest snapshot.
CREATE OR REPLACE VIEW latest_tickers AS
SELECT * EXCLUDE (month, newest)
FROM tickers
JOIN (SELECT market, observed_at AS newest FROM bounds WHERE dataset = 'tickers') USING (market)
WHERE observed_at >= newest - INTERVAL 7 DAY
QUALIFY row_number() OVER (PARTITION BY market, symbol ORDER BY observed_at DESC) = 1
