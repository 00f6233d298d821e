-- `income_by_month(quote)`: what an account earned or lost other than by trading (rewards, rebates, funding, interest,
-- profits of futures), by month, kind and asset. `value` sums what has a value in the quote asset at that time;
-- `unvalued` counts the other movements, which come to `unvalued_amount`.
CREATE OR REPLACE MACRO income_by_month(quote) AS TABLE
SELECT
    account,
    date_trunc('month', time) AS month,
    kind,
    asset,
    sum(amount)::DECIMAL(38, 12) AS amount,
    quote AS quote_asset,
    sum(value)::DECIMAL(38, 8) AS value,
    count(*) FILTER (value IS NULL) AS unvalued,
    coalesce(sum(amount) FILTER (value IS NULL), 0)::DECIMAL(38, 12) AS unvalued_amount
FROM valued_events(quote)
WHERE part = 'income'
GROUP BY ALL
