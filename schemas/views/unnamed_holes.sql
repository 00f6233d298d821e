-- Slots without a row, of what comes along time and lies on a grid, that no row of `gaps` names: stretches of them, with
-- how many are missing in each. Those of fundings have the pace that `funding_info` told.
CREATE OR REPLACE VIEW unnamed_holes AS
WITH series AS (
    SELECT
        row_number() OVER (ORDER BY dataset, market, symbol, kind) AS id,
        dataset,
        market,
        symbol,
        coalesce(kind, '') AS kind,
        length_us,
        (epoch_us(since) + length_us - 1) // length_us AS first_slot,
        (epoch_us(until) + length_us - 1) // length_us AS end_slot
    FROM coverage
    JOIN time_grids USING (dataset)
    WHERE length_us IS NOT NULL
),
-- The slots that are filled, between the slot before coverage and the slot after it.
filled AS (
    SELECT id, epoch_us(time) // length_us AS slot
    FROM all_instants
    JOIN series USING (dataset, market, symbol, kind)
    WHERE slot >= first_slot AND slot < end_slot
    UNION ALL
    SELECT id, first_slot - 1 FROM series
    UNION ALL
    SELECT id, end_slot FROM series
),
holes AS (
    SELECT dataset, market, symbol, kind, before + 1 AS hole, slot AS hole_end
    FROM (SELECT *, lag(slot) OVER (PARTITION BY id ORDER BY slot) AS before FROM filled)
    JOIN series USING (id)
    WHERE slot > before + 1
),
named AS (
    SELECT
        dataset,
        market,
        symbol,
        coalesce(kind, '') AS kind,
        since,
        coalesce(until, 'infinity'::TIMESTAMPTZ) AS until
    FROM gaps
),
-- Each hole as what gaps name of it, in order, and its end.
stretches AS (
    SELECT
        dataset,
        market,
        symbol,
        kind,
        hole,
        (epoch_us(named.since) + length_us - 1) // length_us AS start,
        CASE WHEN isinf(named.until) THEN hole_end ELSE (epoch_us(named.until) + length_us - 1) // length_us END AS stop
    FROM holes
    JOIN series USING (dataset, market, symbol, kind)
    JOIN named USING (dataset, market, symbol, kind)
    WHERE start < hole_end AND stop > hole
    UNION ALL
    SELECT dataset, market, symbol, kind, hole, hole_end, hole_end FROM holes
),
walked AS (
    SELECT dataset, market, symbol, kind, start, greatest(hole, max(stop) OVER (
        PARTITION BY dataset, market, symbol, kind, hole
        ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )) AS reached
    FROM stretches
),
fundings AS (
    SELECT market, symbol, lacking.since, lacking.until
    FROM lacking_fundings AS lacking
    ANTI JOIN named
        ON named.dataset = 'funding_rates'
        AND named.market = lacking.market
        AND named.symbol = lacking.symbol
        AND named.since <= lacking.since
        AND named.until > lacking.since
),
-- Fundings that are lacking one after the other are one stretch.
runs AS (
    SELECT *, count(*) FILTER (apart) OVER (PARTITION BY market, symbol ORDER BY since) AS run
    FROM (
        SELECT
            *,
            since IS DISTINCT FROM lag(until) OVER (PARTITION BY market, symbol ORDER BY since) AS apart
        FROM fundings
    )
)
SELECT
    dataset,
    market,
    symbol,
    nullif(kind, '') AS kind,
    make_timestamptz(reached * length_us) AS since,
    make_timestamptz(start * length_us) AS until,
    start - reached AS missing
FROM walked
JOIN series USING (dataset, market, symbol, kind)
WHERE start > reached
UNION ALL
SELECT 'funding_rates', market, symbol, NULL, min(since), max(until), count(*)
FROM runs
GROUP BY market, symbol, run
