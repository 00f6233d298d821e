-- Each month of each covered series of candles: `complete`; `explained` when all that is not there is a confirmed gap,
-- or `not_retained` when one of those is; else `missing`: to be asked for again. A gap that waits for a file which did
-- not come, or cannot be read, explains nothing, nor does what the archive alone lacks. `expected_rows` counts the slots
-- of the grid, `sources` names the archive files it was loaded from, and `rest` where they had fewer rows than are
-- stored.
CREATE OR REPLACE VIEW completeness AS
WITH series AS (
    SELECT dataset, market, symbol, "interval", length_us, anchor_us, since, until
    FROM coverage
    JOIN grids USING (dataset, market, symbol, "interval")
),
starts AS (
    SELECT *, unnest(generate_series(bucket(since, '1M', 0, 0), until, INTERVAL 1 MONTH)) AS month_start
    FROM series
),
months AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        strftime(month_start, '%Y-%m') AS month,
        greatest(since, month_start) AS since,
        least(until, month_start + INTERVAL 1 MONTH) AS until,
        slot(greatest(since, month_start), "interval", length_us, anchor_us) AS first_slot,
        slot(least(until, month_start + INTERVAL 1 MONTH), "interval", length_us, anchor_us) AS end_slot,
        length_us,
        anchor_us
    FROM starts
    WHERE until > month_start AND end_slot > first_slot
),
-- How many candles of each run are covered, and the slots that they fill, where they lie on the grid.
runs AS NOT MATERIALIZED (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        CASE length(month) WHEN 7 THEN month ELSE strftime(first, '%Y-%m') END AS month,
        (greatest(epoch_us(since) - epoch_us(first), 0) + length_us - 1) // length_us AS skipped,
        least(rows, (greatest(epoch_us(until) - epoch_us(first), 0) + length_us - 1) // length_us) AS reached,
        first = bucket(first, "interval", length_us, anchor_us) AS on_grid,
        slot(first, "interval", length_us, anchor_us) + skipped AS first_slot,
        slot(first, "interval", length_us, anchor_us) + reached AS end_slot
    FROM candle_runs
    JOIN series USING (dataset, market, symbol, "interval")
    WHERE reached > skipped
),
stored AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        sum(reached - skipped)::BIGINT AS rows,
        sum(reached - skipped) FILTER (on_grid)::BIGINT AS filled
    FROM runs
    GROUP BY ALL
),
-- What confirmed gaps say of each month, slot by slot, cut to what no gap before it has said.
said AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        reason,
        greatest(first_slot, slot(gaps.since, "interval", length_us, anchor_us)) AS start,
        least(end_slot, slot(coalesce(gaps.until, months.until), "interval", length_us, anchor_us)) AS stop
    FROM gaps
    JOIN months USING (dataset, market, symbol, "interval")
    WHERE confirmed_at IS NOT NULL AND reason NOT IN ('unavailable', 'unusable', 'late', 'not_in_archive')
),
stretches AS (
    SELECT * REPLACE (greatest(start, coalesce(max(stop) OVER earlier, start)) AS start)
    FROM said
    WHERE start < stop
    WINDOW earlier AS (
        PARTITION BY dataset, market, symbol, "interval", month
        ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
-- A candle that is there needs no explanation.
there AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        sum(least(end_slot, stop) - greatest(first_slot, start))::BIGINT AS candles
    FROM runs
    JOIN stretches USING (dataset, market, symbol, "interval", month)
    WHERE on_grid AND first_slot < stop AND end_slot > start
    GROUP BY ALL
),
explained AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        sum(greatest(stop - start, 0)) AS slots,
        bool_or(reason = 'not_retained') AS not_retained
    FROM stretches
    GROUP BY ALL
),
loaded AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        list(DISTINCT CASE WHEN files.path LIKE '%/monthly/%' THEN 'monthly' ELSE 'daily' END) AS cadences,
        sum(files.rows) AS rows
    FROM months
    JOIN archive_files AS files USING (dataset, market, symbol, "interval")
    WHERE files.rows > 0
        AND files.since < months.until AND files.until > months.since
    GROUP BY ALL
),
counted AS (
    SELECT
        dataset,
        market,
        symbol,
        "interval",
        month,
        since,
        until,
        coalesce(stored.rows, 0) AS rows,
        end_slot - first_slot AS expected_rows,
        (coalesce(explained.slots, 0) - coalesce(there.candles, 0))::BIGINT AS explained_rows,
        expected_rows - coalesce(filled, 0) - explained_rows AS missing_rows,
        coalesce(not_retained, false) AS not_retained,
        list_sort(coalesce(cadences, []::VARCHAR[])
            || CASE WHEN coalesce(stored.rows, 0) > coalesce(loaded.rows, 0) THEN ['rest'] ELSE [] END) AS sources
    FROM months
    LEFT JOIN stored USING (dataset, market, symbol, "interval", month)
    LEFT JOIN explained USING (dataset, market, symbol, "interval", month)
    LEFT JOIN there USING (dataset, market, symbol, "interval", month)
    LEFT JOIN loaded USING (dataset, market, symbol, "interval", month)
)
SELECT
    * EXCLUDE (not_retained, sources),
    CASE
        WHEN missing_rows > 0 THEN 'missing'
        WHEN explained_rows = 0 THEN 'complete'
        WHEN not_retained THEN 'not_retained'
        ELSE 'explained'
    END AS status,
    sources
FROM counted
ORDER BY ALL
