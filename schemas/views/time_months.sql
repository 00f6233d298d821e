-- Each month of each covered series of what comes along time and is neither candles nor trades, cut to what is covered;
-- the slots of its grid in there are [first_slot, end_slot), where it has one. `kind` is empty where a series has none.
CREATE OR REPLACE VIEW time_months AS
WITH starts AS (
    SELECT
        dataset,
        market,
        symbol,
        coalesce(kind, '') AS kind,
        length_us,
        since,
        until,
        unnest(generate_series(date_trunc('month', since), until, INTERVAL 1 MONTH)) AS month_start
    FROM coverage
    JOIN time_grids USING (dataset)
)
SELECT
    dataset,
    market,
    symbol,
    kind,
    strftime(month_start, '%Y-%m') AS month,
    greatest(since, month_start) AS since,
    least(until, month_start + INTERVAL 1 MONTH) AS until,
    length_us,
    (epoch_us(greatest(since, month_start)) + length_us - 1) // length_us AS first_slot,
    (epoch_us(least(until, month_start + INTERVAL 1 MONTH)) + length_us - 1) // length_us AS end_slot
FROM starts
WHERE month_start < until
