-- severity: warn
-- Fundings lie on full hours, and after the first one none is lacking inside coverage unless `gaps` says why. A contract
-- pays every so many hours as `funding_info` told at that time, every 8 where it told nothing; special fundings come
-- when they come.
WITH fundings AS (
    SELECT market, symbol, funding_time, time_bucket(INTERVAL 1 HOUR, funding_time + INTERVAL 1 SECOND) AS slot
    FROM funding_rates
    WHERE rate_type IS DISTINCT FROM 'Special'
),
-- Of a contract that still trades, the next one is due before coverage ends.
slots AS (
    SELECT market, symbol, slot FROM fundings
    UNION
    SELECT market, symbol, until
    FROM coverage
    JOIN symbols USING (market, symbol)
    WHERE dataset = 'funding_rates' AND status = 'TRADING'
),
steps AS (
    SELECT market, symbol, slot, lead(slot) OVER (PARTITION BY market, symbol ORDER BY slot) AS next_slot FROM slots
),
told AS (
    SELECT market, symbol, valid_from, CASE WHEN gone_since IS NULL THEN funding_interval_hours ELSE 8 END AS hours
    FROM funding_info_versions
),
-- A change is seen when `funding_info` is pulled next: the longer of two intervals around it counts.
paced AS (
    SELECT steps.*, greatest(coalesce(before.hours, 8), coalesce(later.hours, 8)) AS hours
    FROM steps
    ASOF LEFT JOIN told AS before
        ON steps.market = before.market AND steps.symbol = before.symbol AND steps.slot >= before.valid_from
    ASOF LEFT JOIN told AS later
        ON steps.market = later.market
        AND steps.symbol = later.symbol
        AND steps.next_slot + INTERVAL 1 DAY >= later.valid_from
)
SELECT
    paced.market,
    paced.symbol,
    slot + to_hours(hours) AS since,
    next_slot AS until,
    ceil((epoch(next_slot) - epoch(slot)) / (hours * 3600))::BIGINT - 1 AS missing,
    NULL AS off_grid
FROM paced
ANTI JOIN gaps
    ON gaps.dataset = 'funding_rates'
    AND paced.market = gaps.market
    AND paced.symbol = gaps.symbol
    AND gaps.since < next_slot
    AND coalesce(gaps.until, 'infinity'::TIMESTAMPTZ) > slot + to_hours(hours)
WHERE missing > 0
UNION ALL
SELECT market, symbol, funding_time, funding_time, 0, funding_time
FROM fundings
WHERE funding_time > slot + INTERVAL 1 MINUTE
ORDER BY ALL
