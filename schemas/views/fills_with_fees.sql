-- Fills and allocations, each with its fee valued in the quote asset of its symbol. A fee in the base asset counts at
-- the fill's own price: that is what the account traded at in that very instant, and it needs no candle. One in a third
-- asset counts at the close of the candles of that minute: a direct pair either way round, else through one other
-- asset. `fee_path` names the pairs. Where there is no value it is NULL, and `why` says whether the assets of the
-- symbol or the fee are not known, no pairs lead there, or their candles of that minute are not in the lake; the value
-- of no fee is 0. `fee_price` and `fee_value` are derived: computed as DOUBLE, the value rounded once at the end.
CREATE OR REPLACE VIEW fills_with_fees AS
WITH listed AS (
    SELECT market, symbol, base_asset, quote_asset FROM symbols
),
traded AS (
    SELECT *, date_trunc('minute', time) AS minute
    FROM executions
    LEFT JOIN listed USING (market, symbol)
),
wanted AS MATERIALIZED (
    SELECT DISTINCT market, minute, commission_asset, quote_asset
    FROM traded
    WHERE commission_asset NOT IN (base_asset, quote_asset)
),
steps AS (
    SELECT market, symbol, base_asset AS asset, quote_asset AS into_asset, false AS inverse FROM listed
    UNION ALL
    SELECT market, symbol, quote_asset, base_asset, true FROM listed
),
routes AS MATERIALIZED (
    SELECT market, commission_asset, quote_asset, symbol AS first, inverse AS first_inverse, NULL AS second,
        NULL::BOOLEAN AS second_inverse, NULL AS via
    FROM (SELECT DISTINCT market, commission_asset, quote_asset FROM wanted) AS pairs
    JOIN steps USING (market)
    WHERE asset = commission_asset AND into_asset = quote_asset
    UNION ALL
    SELECT market, commission_asset, quote_asset, out.symbol, out.inverse, home.symbol, home.inverse, out.into_asset
    FROM (SELECT DISTINCT market, commission_asset, quote_asset FROM wanted) AS pairs
    JOIN steps AS out USING (market)
    JOIN steps AS home USING (market)
    WHERE out.asset = commission_asset AND out.into_asset = home.asset AND home.into_asset = quote_asset
),
closes AS MATERIALIZED (
    SELECT market, symbol, open_time AS minute, close::DOUBLE AS close
    FROM (
        SELECT market, symbol, open_time, close FROM klines WHERE "interval" = '1m'
        UNION ALL
        SELECT market, symbol, open_time, close FROM minute_closes
    )
    SEMI JOIN (SELECT DISTINCT market, minute AS open_time FROM wanted) AS minutes USING (market, open_time)
    SEMI JOIN (
        SELECT market, first AS symbol FROM routes
        UNION
        SELECT market, second FROM routes WHERE second IS NOT NULL
    ) AS used USING (market, symbol)
    WHERE close > 0
),
priced AS (
    SELECT
        market,
        minute,
        commission_asset,
        quote_asset,
        CASE WHEN first_inverse THEN 1 / first_close ELSE first_close END
            * CASE WHEN second IS NULL THEN 1 WHEN second_inverse THEN 1 / second_close ELSE second_close END AS price,
        CASE WHEN second IS NULL THEN [first] ELSE [first, second] END AS path,
        via
    FROM wanted
    JOIN routes USING (market, commission_asset, quote_asset)
    JOIN (SELECT market, minute, symbol AS first, close AS first_close FROM closes) AS out
        USING (market, minute, first)
    LEFT JOIN (SELECT market, minute, symbol AS second, close AS second_close FROM closes) AS home
        USING (market, minute, second)
    WHERE second IS NULL OR second_close IS NOT NULL
),
best AS (
    SELECT market, minute, commission_asset, quote_asset, price, path
    FROM priced
    QUALIFY row_number() OVER (
        PARTITION BY market, minute, commission_asset, quote_asset
        ORDER BY len(path), list_position(['BTC', 'USDT', 'BNB', 'ETH', 'FDUSD'], via) NULLS LAST, path
    ) = 1
),
rated AS (
    SELECT
        traded.*,
        CASE commission_asset
            WHEN quote_asset THEN 1
            WHEN base_asset THEN traded.price::DOUBLE
            ELSE best.price
        END AS fee_price,
        CASE commission_asset WHEN quote_asset THEN [] WHEN base_asset THEN [symbol] ELSE best.path END AS fee_path,
        routed
    FROM traded
    LEFT JOIN best USING (market, minute, commission_asset, quote_asset)
    LEFT JOIN (SELECT DISTINCT market, commission_asset, quote_asset, true AS routed FROM routes) AS ways
        USING (market, commission_asset, quote_asset)
)
SELECT
    account,
    market,
    symbol,
    trade_id,
    allocation_id,
    order_id,
    price,
    qty,
    quote_qty,
    commission,
    commission_asset,
    quote_asset,
    fee_price,
    CASE
        WHEN commission = 0 THEN 0
        WHEN commission_asset = quote_asset THEN commission -- to the last digit, which a DOUBLE may not have
        ELSE (commission * fee_price)::DECIMAL(38, 8)
    END AS fee_value,
    fee_path,
    CASE
        WHEN commission = 0 THEN NULL
        WHEN commission_asset IS NULL THEN 'the asset of the fee is not known'
        WHEN quote_asset IS NULL THEN format('the assets of {} are not known', symbol)
        WHEN fee_path IS NULL AND routed IS NULL
            THEN format('no pair, nor two, lead from {} to {}', commission_asset, quote_asset)
        WHEN fee_path IS NULL THEN format('no candle of that minute leads from {} to {}', commission_asset, quote_asset)
    END AS why,
    time,
    is_buyer,
    is_maker
FROM rated
