-- `routes_to(quote)`: the pairs that lead from each asset to a quote asset: one of both assets, either way round
-- (`inverse`), or two through another one. `rank` says which comes first; a rate that does not come from the exchange
-- (`priced_pairs`) comes last.
CREATE OR REPLACE MACRO routes_to(quote) AS TABLE
WITH steps AS (
    SELECT symbol, base_asset AS asset, quote_asset AS into_asset, false AS inverse, is_rate FROM priced_pairs
    UNION ALL
    SELECT symbol, quote_asset, base_asset, true, is_rate FROM priced_pairs
),
ways AS (
    SELECT asset, symbol AS first, inverse AS first_inverse, NULL AS second, NULL::BOOLEAN AS second_inverse,
        NULL AS via, is_rate::INTEGER AS rates
    FROM steps
    WHERE into_asset = quote
    UNION ALL
    SELECT out.asset, out.symbol, out.inverse, home.symbol, home.inverse, out.into_asset,
        out.is_rate::INTEGER + home.is_rate::INTEGER
    FROM steps AS out
    JOIN steps AS home ON out.into_asset = home.asset
    WHERE home.into_asset = quote AND out.asset <> quote
)
SELECT
    * EXCLUDE (via, rates),
    row_number() OVER (
        PARTITION BY asset
        ORDER BY
            rates, second IS NOT NULL, list_position(['BTC', 'USDT', 'BNB', 'ETH', 'FDUSD'], via) NULLS LAST, first, second
    ) AS rank
FROM ways
