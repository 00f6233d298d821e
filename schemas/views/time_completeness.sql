-- Each month of each covered series of what comes along time and is neither candles nor trades: of what lies on a grid
-- `complete`; `explained` when confirmed gaps say why each slot that has no row has none, or `not_retained` when one of
-- them is; else `missing`. Where no grid is known coverage alone speaks: `covered` where no gap reaches into the month.
-- A gap that nobody confirmed, or that waits for a file of the archive, explains nothing. `expected_rows` are the slots
-- of the grid, or the fundings that came and that are lacking; NULL without a grid. `reasons` are those of the gaps.
CREATE OR REPLACE VIEW time_completeness AS
WITH instants AS NOT MATERIALIZED (
    SELECT dataset, market, symbol, kind, month, epoch_us(time) // length_us AS slot, first_slot
    FROM all_instants
    JOIN time_months USING (dataset, market, symbol, kind, month)
    WHERE time >= since AND time < until
),
stored AS (
    SELECT
        dataset,
        market,
        symbol,
        kind,
        month,
        count(*) AS rows,
        count(DISTINCT slot) FILTER (slot >= first_slot) AS filled
    FROM instants
    GROUP BY ALL
),
reaching AS (
    SELECT
        months.dataset,
        months.market,
        months.symbol,
        months.kind,
        month,
        reason,
        gaps.since,
        coalesce(gaps.until, months.until) AS until,
        confirmed_at IS NOT NULL AND reason NOT IN ('unavailable', 'unusable', 'late', 'not_in_archive') AS explains,
        greatest(first_slot, (epoch_us(gaps.since) + length_us - 1) // length_us) AS start,
        least(end_slot, (epoch_us(coalesce(gaps.until, months.until)) + length_us - 1) // length_us) AS stop
    FROM gaps
    JOIN time_months AS months
        ON gaps.dataset = months.dataset
        AND gaps.market = months.market
        AND gaps.symbol = months.symbol
        AND coalesce(gaps.kind, '') = months.kind
    WHERE gaps.since < months.until AND coalesce(gaps.until, months.until) > months.since
),
told AS (
    SELECT
        dataset,
        market,
        symbol,
        kind,
        month,
        list_sort(list(DISTINCT reason)) AS reasons,
        bool_or(NOT explains) AS in_doubt,
        bool_or(explains AND reason = 'not_retained') AS lost
    FROM reaching
    GROUP BY ALL
),
-- What gaps explain of each month, slot by slot, cut to what no gap before it has said.
stretches AS (
    SELECT * REPLACE (greatest(start, coalesce(max(stop) OVER earlier, start)) AS start)
    FROM reaching
    WHERE explains AND start < stop
    WINDOW earlier AS (
        PARTITION BY dataset, market, symbol, kind, month
        ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
-- A slot that has a row needs no explanation.
there AS (
    SELECT dataset, market, symbol, kind, month, count(DISTINCT slot) AS slots
    FROM instants
    JOIN stretches USING (dataset, market, symbol, kind, month)
    WHERE slot >= start AND slot < stop
    GROUP BY ALL
),
explained AS (
    SELECT dataset, market, symbol, kind, month, sum(greatest(stop - start, 0)) AS slots FROM stretches GROUP BY ALL
),
fundings AS (
    SELECT
        'funding_rates' AS dataset,
        market,
        symbol,
        '' AS kind,
        strftime(since, '%Y-%m') AS month,
        count(*) AS lacking,
        count(*) FILTER (EXISTS (
            FROM reaching
            WHERE reaching.dataset = 'funding_rates'
                AND reaching.market = lacking_fundings.market
                AND reaching.symbol = lacking_fundings.symbol
                AND reaching.explains
                AND reaching.since <= lacking_fundings.since
                AND reaching.until > lacking_fundings.since
        )) AS explained
    FROM lacking_fundings
    GROUP BY ALL
),
counted AS (
    SELECT
        dataset,
        market,
        symbol,
        nullif(kind, '') AS kind,
        month,
        since,
        until,
        coalesce(stored.rows, 0) AS rows,
        CASE
            WHEN dataset = 'funding_rates' THEN nullif(coalesce(stored.rows, 0) + coalesce(lacking, 0), 0)
            ELSE end_slot - first_slot
        END AS expected_rows,
        coalesce(fundings.explained, coalesce(explained.slots, 0) - coalesce(there.slots, 0))::BIGINT AS explained_rows,
        CASE
            WHEN dataset = 'funding_rates' THEN coalesce(lacking - fundings.explained, 0)
            WHEN length_us IS NULL THEN 0
            ELSE end_slot - first_slot - coalesce(filled, 0) - explained_rows
        END AS missing_rows,
        coalesce(reasons, []) AS reasons,
        coalesce(in_doubt, false) AS in_doubt,
        coalesce(lost, false) AS lost
    FROM time_months
    LEFT JOIN stored USING (dataset, market, symbol, kind, month)
    LEFT JOIN told USING (dataset, market, symbol, kind, month)
    LEFT JOIN explained USING (dataset, market, symbol, kind, month)
    LEFT JOIN there USING (dataset, market, symbol, kind, month)
    LEFT JOIN fundings USING (dataset, market, symbol, kind, month)
)
SELECT
    * EXCLUDE (reasons, in_doubt, lost),
    CASE
        WHEN missing_rows > 0 OR (in_doubt AND (expected_rows IS NULL OR dataset = 'funding_rates')) THEN 'missing'
        WHEN lost AND (explained_rows > 0 OR expected_rows IS NULL) THEN 'not_retained'
        WHEN explained_rows > 0 OR (expected_rows IS NULL AND len(reasons) > 0) THEN 'explained'
        WHEN expected_rows IS NULL THEN 'covered'
        ELSE 'complete'
    END AS status,
    reasons
FROM counted
ORDER BY ALL
