-- Each month of each covered series of trades and aggregates, by their ids: `complete`; `explained` when a confirmed
-- gap names every id that is not there, or `not_retained` where the exchange no longer returned a part of the month;
-- else `missing`: to be asked for again. A month has the ids from its first row on, up to the first row of the next
-- month that has any; `rows` are those whose instants lie in it, and `expected_rows` what they would be with all that
-- is lacking.
CREATE OR REPLACE VIEW id_completeness AS
WITH not_retained AS (
    SELECT DISTINCT id_months.dataset, id_months.market, id_months.symbol, month
    FROM id_months
    JOIN gaps
        ON gaps.dataset = id_months.dataset
        AND gaps.market = id_months.market
        AND gaps.symbol = id_months.symbol
        AND gaps.reason = 'not_retained'
        AND strftime(gaps.since, '%Y-%m') <= month
        AND strftime(gaps.until - INTERVAL 1 MICROSECOND, '%Y-%m') >= month
)
SELECT
    dataset,
    market,
    symbol,
    month,
    since_id,
    until_id,
    rows,
    rows + until_id - since_id - inside AS expected_rows,
    explained AS explained_rows,
    until_id - since_id - inside - explained AS missing_rows,
    CASE
        WHEN missing_rows <> 0 THEN 'missing'
        WHEN not_retained.month IS NOT NULL THEN 'not_retained'
        WHEN explained = 0 THEN 'complete'
        ELSE 'explained'
    END AS status
FROM id_months
LEFT JOIN not_retained USING (dataset, market, symbol, month)
ORDER BY ALL
