-- `ids_of(of)`: the ids of each month of each covered series of `agg_trades` or `trades`: [since_id, until_id), from
-- the first row of the month on up to the first row of the next one that has any. `rows` are those whose instants lie
-- in the month, `inside` those whose ids do. Of the ids that are not stored, gaps name `named`, and confirmed gaps
-- `explained`.
CREATE OR REPLACE MACRO ids_of(of) AS TABLE
WITH stored AS NOT MATERIALIZED (
    SELECT market, symbol, date, agg_trade_id AS id FROM agg_trades WHERE of = 'agg_trades'
    UNION ALL
    SELECT market, symbol, date, trade_id FROM trades WHERE of = 'trades'
),
days AS (
    SELECT market, symbol, date, count(*) AS rows, min(id) AS first_id, max(id) AS last_id
    FROM stored
    GROUP BY ALL
),
-- Coverage begins in a month that may have no row.
months_by_time AS (
    SELECT market, symbol, month, sum(rows)::BIGINT AS rows, min(first_id) AS first_id
    FROM (
        SELECT market, symbol, date[:7] AS month, rows, first_id FROM days
        UNION ALL
        SELECT market, symbol, strftime(since, '%Y-%m'), 0, since_id
        FROM coverage
        WHERE dataset = of
    )
    GROUP BY ALL
),
-- A row may be a moment older than the one with the id before: a month begins before all ids of those behind it.
month_starts AS (
    SELECT
        market,
        symbol,
        month,
        rows,
        min(first_id) OVER (
            PARTITION BY market, symbol ORDER BY month ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS since_id
    FROM months_by_time
),
months AS (
    SELECT
        market,
        symbol,
        month,
        rows,
        month_starts.since_id,
        coalesce(
            lead(month_starts.since_id) OVER (PARTITION BY market, symbol ORDER BY month), coverage.until_id
        ) AS until_id
    FROM month_starts
    JOIN coverage USING (market, symbol)
    WHERE dataset = of
),
-- A month all of whose ids lie behind the first one of a later month has none of its own.
months_with_ids AS (
    FROM months
    WHERE since_id < until_id
),
-- Days with ids of a later month.
crossing_days AS (
    SELECT days.market, days.symbol, date, until_id
    FROM days
    JOIN months ON days.market = months.market AND days.symbol = months.symbol AND date[:7] = month
    WHERE last_id >= until_id
),
-- Rows whose instants lie in a month, and their ids in a later one. Its name is made of the date, as to carry it along
-- from the other side of the join takes twice as long.
late_ids AS (
    SELECT market, symbol, date[:7] AS month, id
    FROM stored
    JOIN crossing_days USING (market, symbol, date)
    WHERE id >= until_id
),
-- How many more rows lie in a month by their ids than by their instants.
moved AS (
    SELECT market, symbol, month, sum(rows)::BIGINT AS rows
    FROM (
        SELECT late_ids.market, late_ids.symbol, unnest([by_id.month, late_ids.month]) AS month, unnest([1, -1]) AS rows
        FROM late_ids
        ASOF JOIN months_with_ids AS by_id
            ON late_ids.market = by_id.market AND late_ids.symbol = by_id.symbol AND id >= since_id
    )
    GROUP BY ALL
),
gap_ids AS (
    SELECT market, symbol, confirmed_at, unnest(from_json(evidence->'ids', '[["BIGINT"]]')) AS ids
    FROM gaps
    WHERE dataset = of
),
-- The ids that gaps name, and those that confirmed ones do, each once.
ranges AS (
    SELECT
        market,
        symbol,
        counted_as,
        greatest(ids[1], coalesce(max(ids[2] + 1) OVER earlier, ids[1])) AS first_id,
        ids[2] + 1 AS end_id
    FROM (
        SELECT *, 'named' AS counted_as FROM gap_ids
        UNION ALL
        SELECT *, 'explained' FROM gap_ids WHERE confirmed_at IS NOT NULL
    )
    WINDOW earlier AS (
        PARTITION BY market, symbol, counted_as
        ORDER BY ids[1], ids[2] ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
    QUALIFY first_id < end_id
),
range_ids AS (
    SELECT
        market,
        symbol,
        month,
        counted_as,
        sum(greatest(least(end_id, until_id) - greatest(first_id, since_id), 0))::BIGINT AS ids
    FROM months
    JOIN ranges USING (market, symbol)
    GROUP BY ALL
),
-- Those of them that may be stored all the same, as a killed run leaves it: they lie among the ids of a day.
doubtful AS (
    SELECT DISTINCT
        days.market,
        days.symbol,
        counted_as,
        unnest(range(greatest(ranges.first_id, days.first_id), least(end_id, last_id + 1))) AS id
    FROM days
    JOIN ranges
        ON days.market = ranges.market
        AND days.symbol = ranges.symbol
        AND days.first_id < end_id
        AND last_id >= ranges.first_id
),
-- The ids alone choose the rows that are read, as files can be left out by them.
stored_ids AS (
    SELECT found.market, found.symbol, month, counted_as, count(*) AS ids
    FROM (
        SELECT DISTINCT market, symbol, counted_as, id
        FROM (FROM stored SEMI JOIN doubtful USING (id))
        JOIN doubtful USING (market, symbol, id)
    ) AS found
    ASOF JOIN months_with_ids
        ON found.market = months_with_ids.market AND found.symbol = months_with_ids.symbol AND id >= since_id
    GROUP BY ALL
),
lacking AS (
    SELECT
        market,
        symbol,
        month,
        sum(range_ids.ids - coalesce(stored_ids.ids, 0)) FILTER (counted_as = 'named')::BIGINT AS named,
        sum(range_ids.ids - coalesce(stored_ids.ids, 0)) FILTER (counted_as = 'explained')::BIGINT AS explained
    FROM range_ids
    LEFT JOIN stored_ids USING (market, symbol, month, counted_as)
    GROUP BY ALL
)
SELECT
    market,
    symbol,
    month,
    since_id,
    until_id,
    months.rows AS rows,
    months.rows + coalesce(moved.rows, 0) AS inside,
    coalesce(named, 0) AS named,
    coalesce(explained, 0) AS explained
FROM months
LEFT JOIN moved USING (market, symbol, month)
LEFT JOIN lacking USING (market, symbol, month)
