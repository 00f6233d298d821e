-- severity: error
-- Inside coverage every slot of the grid holds a candle, or `gaps` says why not.
WITH series AS (
    SELECT market, symbol, "interval", length_us, anchor_us, since, until
    FROM coverage
    JOIN grids USING (market, symbol, "interval")
    WHERE dataset = 'klines'
),
explained AS (
    SELECT series.*, greatest(gaps.since, series.since) AS start, least(gaps.until, series.until) AS stop
    FROM gaps
    JOIN series USING (market, symbol, "interval")
    WHERE gaps.dataset = 'klines'
        AND gaps.since < series.until
        AND coalesce(gaps.until, series.until) > series.since
),
-- Candles and gaps as stretches of slots, between the two ends of coverage.
stretches AS (
    SELECT market, symbol, "interval", slot(since, "interval", length_us, anchor_us) AS start, start AS stop
    FROM series
    UNION ALL
    SELECT market, symbol, "interval", slot(until, "interval", length_us, anchor_us) AS start, start AS stop
    FROM series
    UNION ALL
    SELECT
        market,
        symbol,
        "interval",
        slot(start, "interval", length_us, anchor_us),
        slot(stop, "interval", length_us, anchor_us)
    FROM explained
    UNION ALL
    SELECT market, symbol, "interval", slot(open_time, "interval", length_us, anchor_us) AS start, start + 1
    FROM klines
    JOIN series USING (market, symbol, "interval")
    WHERE open_time >= since AND open_time < until AND open_time = bucket(open_time, "interval", length_us, anchor_us)
),
walked AS (
    SELECT *, max(stop) OVER (
        PARTITION BY market, symbol, "interval"
        ORDER BY start, stop
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reached
    FROM stretches
)
SELECT
    market,
    symbol,
    "interval",
    slot_start(reached, "interval", length_us, anchor_us) AS since,
    slot_start(start, "interval", length_us, anchor_us) AS until,
    start - reached AS missing
FROM walked
JOIN grids USING (market, symbol, "interval")
WHERE start > reached
ORDER BY ALL
