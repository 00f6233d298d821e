-- `portfolio_total(quote)`: what each account is worth in a quote asset. `value` sums the assets that have a value, NULL
-- when none has; `unvalued` counts the others, which `unvalued_assets` names. `observed_at` and `price_seen_at` are those
-- of the oldest balance and the oldest price in it.
CREATE OR REPLACE MACRO portfolio_total(quote) AS TABLE
SELECT
    account,
    quote_asset,
    sum(value) AS value,
    count(DISTINCT asset) AS assets,
    count(DISTINCT asset) FILTER (value IS NULL) AS unvalued,
    coalesce(list_sort(list(DISTINCT asset) FILTER (value IS NULL)), []) AS unvalued_assets,
    min(observed_at) AS observed_at,
    min(price_seen_at) AS price_seen_at
FROM portfolio(quote)
GROUP BY account, quote_asset
