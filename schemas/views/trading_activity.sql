-- What each account traded a day (UTC) and symbol. `fee_value` is in the quote asset of the symbol, and NULL when not
-- every fee could be valued; `unvalued_fees` counts those. Sums in the quote asset are NULL where the market does not
-- say what each fill came to.
CREATE OR REPLACE VIEW trading_activity AS
SELECT
    account,
    market,
    symbol,
    date_trunc('day', time)::DATE AS day,
    count(DISTINCT order_id) AS orders,
    count(*) AS fills,
    count(*) FILTER (is_maker) AS maker_fills,
    coalesce(sum(qty) FILTER (is_buyer), 0) AS bought_qty,
    CASE
        WHEN count(*) FILTER (is_buyer AND quote_qty IS NULL) = 0 THEN coalesce(sum(quote_qty) FILTER (is_buyer), 0)
    END AS bought_quote_qty,
    coalesce(sum(qty) FILTER (NOT is_buyer), 0) AS sold_qty,
    CASE
        WHEN count(*) FILTER (NOT is_buyer AND quote_qty IS NULL) = 0
            THEN coalesce(sum(quote_qty) FILTER (NOT is_buyer), 0)
    END AS sold_quote_qty,
    CASE WHEN count(fee_value) = count(*) THEN sum(fee_value) END AS fee_value,
    count(*) FILTER (fee_value IS NULL) AS unvalued_fees
FROM fills_with_fees
GROUP BY ALL
