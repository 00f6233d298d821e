-- severity: warn
-- Mark prices of perpetual contracts are within a tenth of the index: a mark price is the median of the last price and of
-- two that are the index with what is paid until the next funding, and with the basis of the last minutes.
WITH bound AS (
    SELECT 0.1 AS share -- recorded answers are within 0.004; of contracts with a day of delivery nothing is said
)
SELECT
    mark.market,
    mark.symbol,
    mark."interval",
    mark.open_time,
    mark.low,
    mark.high,
    named.low AS index_low,
    named.high AS index_high
FROM mark_klines AS mark
JOIN index_klines AS named
    ON mark.market = named.market
    AND mark."interval" = named."interval"
    AND mark.open_time = named.open_time
    AND regexp_replace(mark.symbol, '_PERP$', '') = named.symbol
CROSS JOIN bound
WHERE NOT regexp_matches(mark.symbol, '_[0-9]{6}$')
    AND (mark.low > named.high * (1 + share) OR mark.high < named.low * (1 - share))
ORDER BY ALL
