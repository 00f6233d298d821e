-- `valuation_prices(quote, candles)`: what an asset cost in a quote asset at the close of the candle of a minute or day
-- (`candles` is `1m`, `1d` or `1m 1d`), for each of `valuation_points` whose candles are in the lake: through a direct pair
-- of the spot market either way round, else through one other asset, and where no pairs lead there through the last of
-- `rates` before, of a week at most. `path` names the pairs. `price` is derived: computed as DOUBLE.
CREATE OR REPLACE MACRO valuation_prices(quote, candles) AS TABLE
WITH points AS MATERIALIZED (
    SELECT DISTINCT asset, "interval", open_time FROM valuation_points
    WHERE contains(candles, "interval") AND asset <> quote
),
routes AS MATERIALIZED (
    FROM routes_to(quote) WHERE asset IN (SELECT asset FROM points)
),
used AS MATERIALIZED (
    SELECT first AS symbol FROM routes UNION SELECT second FROM routes
),
closes AS MATERIALIZED (
    SELECT symbol, "interval", open_time, close::DOUBLE AS close
    FROM (
        SELECT market, symbol, "interval", open_time, close FROM klines
        UNION ALL
        SELECT market, symbol, '1m', open_time, close FROM minute_closes
    )
    SEMI JOIN (SELECT DISTINCT "interval", open_time FROM points) AS instants USING ("interval", open_time)
    SEMI JOIN used USING (symbol)
    WHERE market = 'spot' AND close > 0
    UNION ALL
    SELECT symbol, "interval", open_time, rate::DOUBLE
    FROM (
        SELECT
            symbol, base_asset, quote_asset, "interval", open_time,
            open_time + CASE "interval" WHEN '1d' THEN INTERVAL 1 DAY ELSE INTERVAL 1 MINUTE END AS ended
        FROM (SELECT DISTINCT "interval", open_time FROM points) AS instants
        CROSS JOIN (FROM priced_pairs SEMI JOIN used USING (symbol) WHERE is_rate) AS pairs
    ) AS wanted
    ASOF JOIN rates
        ON wanted.base_asset = rates.base_asset AND wanted.quote_asset = rates.quote_asset AND wanted.ended > rates.time
    WHERE rates.time >= wanted.ended - INTERVAL 7 DAY
)
SELECT
    asset,
    points."interval",
    points.open_time,
    CASE WHEN first_inverse THEN 1 / opening.close ELSE opening.close END
        * CASE WHEN second IS NULL THEN 1 WHEN second_inverse THEN 1 / closing.close ELSE closing.close END AS price,
    CASE WHEN second IS NULL THEN [first] ELSE [first, second] END AS path
FROM points
JOIN routes USING (asset)
JOIN closes AS opening
    ON opening.symbol = first AND opening."interval" = points."interval" AND opening.open_time = points.open_time
LEFT JOIN closes AS closing
    ON closing.symbol = second AND closing."interval" = points."interval" AND closing.open_time = points.open_time
WHERE second IS NULL OR closing.close IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY asset, points."interval", points.open_time
    ORDER BY rank
) = 1
