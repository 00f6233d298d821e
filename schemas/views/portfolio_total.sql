-- `portfolio_total(quote)`: what each account is worth in a quote asset. `value` sums the assets that have a value, NULL
-- when none has; `unvalued` counts the others, which `unvalued_assets` names, and `unvalued_holdings` says how much of
-- each. `observed_at` and `price_seen_at` are those of the oldest balance and the oldest price in it.
CREATE OR REPLACE MACRO portfolio_total(quote) AS TABLE
SELECT
    account,
    quote_asset,
    sum(value) AS value,
    count(*) AS assets,
    count(*) FILTER (value IS NULL) AS unvalued,
    coalesce(list_sort(list(asset) FILTER (value IS NULL)), []) AS unvalued_assets,
    coalesce(list_sort(list({'asset': asset, 'total': total}) FILTER (value IS NULL)), []) AS unvalued_holdings,
    min(observed_at) AS observed_at,
    min(price_seen_at) AS price_seen_at
FROM (
    SELECT account, quote_asset, asset, sum(total)::DECIMAL(38, 12) AS total,
        CASE WHEN count(value) = count(*) THEN sum(value) END AS value,
        min(observed_at) AS observed_at, min(price_seen_at) AS price_seen_at
    FROM portfolio(quote)
    GROUP BY account, quote_asset, asset
)
GROUP BY account, quote_asset
