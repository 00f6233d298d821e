-- `portfolio(quote)`: what each wallet holds, valued in a quote asset through the last spot prices: a direct pair either
-- way round, else through one other asset. `path` names the pairs; without one the value is NULL and `why` says so.
-- `price` and `value` are derived: computed as DOUBLE, the value rounded once at the end.
CREATE OR REPLACE MACRO portfolio(quote) AS TABLE
WITH pairs AS (
    SELECT symbol, base_asset, quote_asset, price::DOUBLE AS price, status = 'TRADING' AS trading, observed_at
    FROM latest_prices
    JOIN symbols USING (market, symbol)
    WHERE market = 'spot' AND price > 0 AND gone_since IS NULL
),
steps AS (
    SELECT base_asset AS asset, quote_asset AS into_asset, price, symbol, trading, observed_at FROM pairs
    UNION ALL
    SELECT quote_asset, base_asset, 1 / price, symbol, trading, observed_at FROM pairs
),
paths AS (
    SELECT quote AS asset, 1::DOUBLE AS price, []::VARCHAR[] AS path, true AS trading, NULL AS via, NULL AS priced_at
    UNION ALL
    SELECT asset, price, [symbol], trading, NULL, observed_at
    FROM steps
    WHERE into_asset = quote
    UNION ALL
    SELECT
        first.asset,
        first.price * second.price,
        [first.symbol, second.symbol],
        first.trading AND second.trading,
        second.asset,
        least(first.observed_at, second.observed_at)
    FROM steps AS first
    JOIN steps AS second ON first.into_asset = second.asset
    WHERE second.into_asset = quote AND first.asset <> quote
),
best AS (
    SELECT *
    FROM paths
    QUALIFY row_number() OVER (
        PARTITION BY asset
        ORDER BY trading DESC, len(path), list_position(['BTC', 'USDT', 'BNB', 'ETH', 'FDUSD'], via) NULLS LAST, path
    ) = 1
)
SELECT
    account,
    wallet,
    asset,
    free,
    locked,
    total,
    quote AS quote_asset,
    best.price,
    (total * best.price)::DECIMAL(38, 8) AS value,
    best.path,
    CASE WHEN best.path IS NULL THEN format('no price leads from {} to {}', asset, quote) END AS why,
    observed_at,
    best.priced_at
FROM latest_balances
LEFT JOIN best USING (asset)
WHERE total <> 0
