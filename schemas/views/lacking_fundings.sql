-- Fundings that should be there and are not: inside coverage, after the first one of a contract and, of one that still
-- trades, up to its end. A contract pays every so many hours as `funding_info` told at that time, every 8 where it told
-- nothing; where the fundings before and behind came sooner, as often as these: one that is lacking looks like a longer
-- interval. Special fundings come when they come. `since` is the hour of the one that is lacking, `until` the next slot.
CREATE OR REPLACE VIEW lacking_fundings AS
WITH told AS (
    SELECT market, symbol, valid_from, CASE WHEN gone_since IS NULL THEN funding_interval_hours ELSE 8 END AS hours
    FROM funding_info_versions
),
-- In microseconds: reckoning with instants of a time zone costs twenty times as much.
slots AS (
    SELECT market, symbol, (epoch_us(funding_time) + 1000000) // 3600000000 * 3600000000 AS at_us
    FROM funding_rates
    WHERE rate_type IS DISTINCT FROM 'Special'
    UNION ALL
    SELECT market, symbol, epoch_us(until)
    FROM coverage
    JOIN symbols USING (market, symbol)
    WHERE dataset = 'funding_rates' AND status = 'TRADING'
),
around AS (
    SELECT
        *,
        lead(at_us) OVER history AS next_us,
        at_us - lag(at_us) OVER history AS before_us,
        lead(at_us, 2) OVER history - lead(at_us) OVER history AS behind_us
    FROM slots
    WINDOW history AS (PARTITION BY market, symbol ORDER BY at_us)
),
-- Nothing is lacking between two that are no further apart than the contract ever paid.
shortest AS (
    SELECT market, symbol, least(min(hours), 8) * 3600000000 AS pace_us
    FROM told
    GROUP BY market, symbol
),
steps AS (
    SELECT
        market, symbol, make_timestamptz(at_us) AS slot, make_timestamptz(next_us) AS next_slot,
        CASE WHEN before_us = behind_us THEN before_us END AS around_us
    FROM around
    LEFT JOIN shortest USING (market, symbol)
    WHERE next_us - at_us > least(coalesce(pace_us, 8 * 3600000000), around_us)
),
-- A change is seen when `funding_info` is pulled next: the longer of two intervals around it counts.
paced AS (
    SELECT
        steps.*,
        least(
            to_hours(greatest(coalesce(before.hours, 8), coalesce(later.hours, 8))), to_microseconds(around_us)
        ) AS pace
    FROM steps
    ASOF LEFT JOIN told AS before
        ON steps.market = before.market AND steps.symbol = before.symbol AND steps.slot >= before.valid_from
    ASOF LEFT JOIN told AS later
        ON steps.market = later.market
        AND steps.symbol = later.symbol
        AND steps.next_slot + INTERVAL 1 DAY >= later.valid_from
)
SELECT market, symbol, since, least(since + pace, next_slot) AS until
FROM (
    SELECT *, unnest(generate_series(slot + pace, next_slot - INTERVAL 1 MICROSECOND, pace)) AS since
    FROM paced
    WHERE slot + pace < next_slot
)
