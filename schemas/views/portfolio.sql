-- `portfolio(quote)`: what each wallet holds, valued in a quote asset through the last spot prices: a direct pair either
-- way round, else through one other asset, and where no pairs lead there through the last of `rates`, of a week at most
-- before the newest balance. `path` names the pairs. Pairs that trade come first. The last price of a
-- pair that is gone, or has any status but TRADING and HALT, is no value: `price` and `value` are NULL then, as they are
-- without a path, and `why` says so; a value through a pair that only pauses (HALT) is there, and `why` names the pair.
-- `priced_at` is the exchange's own time of the price where it tells one, `price_seen_at` when it was asked for. `price`
-- and `value` are derived: computed as DOUBLE, the value rounded once at the end. What debts owe counts below zero.
-- Receipts for flexible earn (LD...) are left out where that wallet is known, and else have no value.
CREATE OR REPLACE MACRO portfolio(quote) AS TABLE
WITH pairs AS (
    SELECT
        symbol,
        base_asset,
        quote_asset,
        price::DOUBLE AS price,
        CASE
            WHEN gone_since IS NOT NULL THEN symbol || ' is gone from the exchange'
            WHEN status <> 'TRADING' THEN symbol || ' has the status ' || status
        END AS obstacle,
        gone_since IS NULL AND status IN ('TRADING', 'HALT') AS alive,
        observed_at,
        priced_at,
        0 AS rates
    FROM latest_prices
    JOIN symbols USING (market, symbol)
    WHERE market = 'spot' AND price > 0
    UNION ALL BY NAME
    SELECT
        symbol,
        base_asset,
        quote_asset,
        arg_max(rate, time)::DOUBLE AS price,
        true AS alive,
        max(time) AS observed_at,
        max(time) AS priced_at,
        1 AS rates
    FROM priced_pairs
    JOIN rates USING (base_asset, quote_asset)
    WHERE is_rate AND time >= (SELECT max(observed_at) FROM latest_balances) - INTERVAL 7 DAY
    GROUP BY symbol, base_asset, quote_asset
),
steps AS (
    SELECT base_asset AS asset, quote_asset AS into_asset, * EXCLUDE (base_asset, quote_asset) FROM pairs
    UNION ALL BY NAME
    SELECT
        quote_asset AS asset,
        base_asset AS into_asset,
        * EXCLUDE (base_asset, quote_asset) REPLACE (1 / price AS price)
    FROM pairs
),
paths AS (
    SELECT
        quote AS asset, 1::DOUBLE AS price, []::VARCHAR[] AS path, NULL::VARCHAR AS via, NULL::VARCHAR AS obstacle,
        true AS alive, NULL::TIMESTAMPTZ AS price_seen_at, NULL::TIMESTAMPTZ AS priced_at, 0 AS rates
    UNION ALL BY NAME
    SELECT asset, price, [symbol] AS path, obstacle, alive, observed_at AS price_seen_at, priced_at, rates
    FROM steps
    WHERE into_asset = quote
    UNION ALL BY NAME
    SELECT
        first.asset,
        first.price * second.price AS price,
        [first.symbol, second.symbol] AS path,
        second.asset AS via,
        nullif(concat_ws('; ', first.obstacle, second.obstacle), '') AS obstacle,
        first.alive AND second.alive AS alive,
        least(first.observed_at, second.observed_at) AS price_seen_at,
        CASE
            WHEN first.priced_at IS NOT NULL AND second.priced_at IS NOT NULL
                THEN least(first.priced_at, second.priced_at)
        END AS priced_at,
        first.rates + second.rates AS rates
    FROM steps AS first
    JOIN steps AS second ON first.into_asset = second.asset
    WHERE second.into_asset = quote AND first.asset <> quote
),
best AS (
    SELECT *
    FROM paths
    QUALIFY row_number() OVER (
        PARTITION BY asset
        ORDER BY
            obstacle IS NULL DESC, alive DESC, rates, len(path),
            list_position(['BTC', 'USDT', 'BNB', 'ETH', 'FDUSD'], via) NULLS LAST, path
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
    CASE WHEN alive THEN best.price END AS price,
    (CASE WHEN alive THEN total * best.price END)::DECIMAL(38, 8) AS value,
    best.path,
    coalesce(obstacle, CASE WHEN best.path IS NULL THEN format('no price leads from {} to {}', asset, quote) END) AS why,
    observed_at,
    price_seen_at,
    priced_at
FROM latest_balances
LEFT JOIN best USING (asset)
WHERE total <> 0
    AND NOT (
        wallet = 'spot'
        AND is_receipt(asset)
        AND account IN (
            SELECT account FROM bounds
            WHERE dataset = 'balances' AND wallet = 'earn_flexible' AND observed_at IS NOT NULL
        )
    )
