-- `equity(quote)`: what each account was worth whenever a wallet's balances were read: of every wallet its last snapshot
-- until then, at the last daily close before. `value` sums the assets that have a value, NULL where none has; `unvalued`
-- counts the others, and `unvalued_holdings` says how much of each. Receipts of simple earn do not count.
CREATE OR REPLACE MACRO equity(quote) AS TABLE
WITH closes AS MATERIALIZED (
    FROM valuation_prices(quote, '1d')
),
taken AS MATERIALIZED (
    SELECT DISTINCT account, wallet, observed_at FROM balances
),
instants AS (
    SELECT account, observed_at, wallets.wallet
    FROM (SELECT DISTINCT account, observed_at FROM taken) AS times
    JOIN (SELECT DISTINCT account, wallet FROM taken) AS wallets USING (account)
),
standing AS (
    SELECT instants.account, instants.wallet, instants.observed_at, taken.observed_at AS seen_at
    FROM instants
    ASOF JOIN taken
        ON instants.account = taken.account AND instants.wallet = taken.wallet
        AND instants.observed_at >= taken.observed_at
),
held AS (
    SELECT
        standing.account,
        asset,
        standing.observed_at,
        date_trunc('day', standing.observed_at) - INTERVAL 1 DAY AS day,
        sum(free + coalesce(locked, 0))::DECIMAL(38, 12) AS total
    FROM standing
    JOIN balances
        ON standing.account = balances.account AND standing.wallet = balances.wallet
        AND standing.seen_at = balances.observed_at
    WHERE NOT is_receipt(asset)
    GROUP BY ALL
    HAVING sum(free + coalesce(locked, 0)) <> 0
),
valued AS (
    SELECT held.*, CASE WHEN held.asset = quote THEN total ELSE total * price END::DECIMAL(38, 8) AS value
    FROM held
    LEFT JOIN closes ON held.asset = closes.asset AND held.day = closes.open_time
)
SELECT
    account,
    observed_at,
    quote AS quote_asset,
    sum(value) AS value,
    count(*) FILTER (value IS NULL) AS unvalued,
    coalesce(list_sort(list({'asset': asset, 'total': total}) FILTER (value IS NULL)), []) AS unvalued_holdings
FROM valued
GROUP BY account, observed_at
