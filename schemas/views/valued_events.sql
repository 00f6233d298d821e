-- `valued_events(quote)`: the events of `account_events`, each with its `value` in a quote asset, signed like its amount, at
-- the close of the candle of that minute, or where the lake does not hold it, of that day. `candles` is the interval of
-- the candles and `path` names their pairs; the quote asset needs none. Where no candle leads there, all of it is NULL.
-- `price` and `value` are derived: computed as DOUBLE, the value rounded once.
CREATE OR REPLACE MACRO valued_events(quote) AS TABLE
WITH rates AS MATERIALIZED (
    FROM valuation_prices(quote, '1m 1d')
),
minutes AS (
    SELECT asset, open_time AS minute, "interval", price, path FROM rates WHERE "interval" = '1m'
),
days AS (
    SELECT asset, open_time AS day, "interval", price, path FROM rates WHERE "interval" = '1d'
)
SELECT
    events.*,
    coalesce(minutes."interval", days."interval") AS candles,
    coalesce(minutes.path, days.path) AS path,
    CASE WHEN events.asset = quote THEN 1 ELSE coalesce(minutes.price, days.price) END AS price,
    CASE WHEN events.asset = quote THEN amount ELSE (amount * coalesce(minutes.price, days.price))::DECIMAL(38, 12) END
        AS value
FROM account_events AS events
LEFT JOIN minutes ON minutes.asset = events.asset AND minute = date_trunc('minute', time)
LEFT JOIN days ON days.asset = events.asset AND day = date_trunc('day', time)
