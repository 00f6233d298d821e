-- `fees_by_month(quote)`: what an account paid as fees, by month, kind and asset; a rebate counts below zero. `value` sums
-- what has a value in the quote asset at that time; `unvalued` counts the other fees, which come to `unvalued_amount`.
CREATE OR REPLACE MACRO fees_by_month(quote) AS TABLE
SELECT
    account,
    date_trunc('month', time) AS month,
    kind,
    asset,
    -sum(amount)::DECIMAL(38, 12) AS amount,
    quote AS quote_asset,
    -sum(value)::DECIMAL(38, 8) AS value,
    count(*) FILTER (value IS NULL) AS unvalued,
    -coalesce(sum(amount) FILTER (value IS NULL), 0)::DECIMAL(38, 12) AS unvalued_amount
FROM valued_events(quote)
WHERE part = 'fee'
GROUP BY ALL
