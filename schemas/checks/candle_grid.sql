-- severity: error
-- Inside coverage every slot of the grid holds a candle, or `gaps` says why not.
WITH series AS MATERIALIZED (
    SELECT
        row_number() OVER (ORDER BY dataset, market, symbol, "interval") AS number, -- sorts faster than four texts
        dataset,
        market,
        symbol,
        "interval",
        length_us,
        anchor_us,
        since,
        until
    FROM coverage
    JOIN grids USING (dataset, market, symbol, "interval")
),
-- The slots that are filled, between the slot before coverage and the slot after it.
filled AS (
    SELECT number, slot(open_time, "interval", length_us, anchor_us) AS slot
    FROM all_candles
    JOIN series USING (dataset, market, symbol, "interval")
    WHERE open_time >= since AND open_time < until AND open_time = bucket(open_time, "interval", length_us, anchor_us)
    UNION ALL
    SELECT number, slot(since, "interval", length_us, anchor_us) - 1 FROM series
    UNION ALL
    SELECT number, slot(until, "interval", length_us, anchor_us) FROM series
),
holes AS MATERIALIZED (
    SELECT number, before + 1 AS hole, slot AS hole_end
    FROM (SELECT number, slot, lag(slot) OVER (PARTITION BY number ORDER BY slot) AS before FROM filled)
    WHERE slot > before + 1
),
explained AS (
    SELECT
        number,
        slot(gaps.since, "interval", length_us, anchor_us) AS start,
        slot(coalesce(gaps.until, series.until), "interval", length_us, anchor_us) AS stop
    FROM gaps
    JOIN series USING (dataset, market, symbol, "interval")
),
-- Each hole as what gaps explain of it, in order, and its end.
stretches AS (
    SELECT number, hole, start, stop
    FROM holes
    JOIN explained USING (number)
    WHERE start < hole_end AND stop > hole
    UNION ALL
    SELECT number, hole, hole_end, hole_end FROM holes
),
walked AS (
    SELECT number, hole, start, greatest(hole, max(stop) OVER (
        PARTITION BY number, hole ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )) AS reached
    FROM stretches
)
SELECT
    dataset,
    market,
    symbol,
    "interval",
    slot_start(reached, "interval", length_us, anchor_us) AS since,
    slot_start(start, "interval", length_us, anchor_us) AS until,
    start - reached AS missing
FROM walked
JOIN series USING (number)
WHERE start > reached
ORDER BY ALL
