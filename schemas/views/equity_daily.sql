-- `equity_daily(quote)`: what each account was worth at the end of each day (UTC): `daily_holdings` at the close of the
-- day's candles. `value` sums the assets that have a value, NULL where none has; `unvalued` counts the others, and
-- `unvalued_holdings` says how much of each. `rebuilt` counts the assets that the ledger had to tell of.
CREATE OR REPLACE MACRO equity_daily(quote) AS TABLE
WITH closes AS MATERIALIZED (
    FROM valuation_prices(quote, '1d')
),
held AS (
    SELECT account, asset, day, sum(total)::DECIMAL(38, 12) AS total, bool_or(rebuilt) AS rebuilt
    FROM daily_holdings
    WHERE ended
    GROUP BY ALL
    HAVING sum(total) <> 0
),
valued AS (
    SELECT
        held.*,
        CASE WHEN held.asset = quote THEN total ELSE total * price END::DECIMAL(38, 8) AS value
    FROM held
    LEFT JOIN closes ON held.asset = closes.asset AND held.day = closes.open_time
)
SELECT
    account,
    day,
    quote AS quote_asset,
    sum(value) AS value,
    count(*) FILTER (value IS NULL) AS unvalued,
    coalesce(list_sort(list({'asset': asset, 'total': total}) FILTER (value IS NULL)), []) AS unvalued_holdings,
    count(*) FILTER (rebuilt) AS rebuilt
FROM valued
GROUP BY account, day
