-- What became of each order: how long its fills took, how much was filled, at which average price, and how much worse
-- than where the minute of the order opened (`slippage`: 0.001 is 0.1 % worse, below zero is better; NULL without a
-- candle). Ratios and the average are derived: computed as DOUBLE, rounded once at the end.
CREATE OR REPLACE VIEW order_lifecycle AS
WITH received AS (
    SELECT
        account,
        market,
        symbol,
        order_id,
        count(*) AS fills,
        min(time) AS first_fill,
        max(time) AS last_fill,
        sum(qty) AS qty,
        CASE WHEN count(quote_qty) = count(*) THEN sum(quote_qty) END AS quote_qty
    FROM executions
    GROUP BY ALL
),
opens AS (
    SELECT market, symbol, open_time AS minute, open AS reference_price
    FROM klines
    SEMI JOIN (
        SELECT DISTINCT market, symbol, date_trunc('minute', time) AS open_time FROM orders
    ) AS placed USING (market, symbol, open_time)
    WHERE "interval" = '1m' AND open > 0
),
averaged AS (
    SELECT
        orders.*,
        coalesce(received.fills, 0) AS fills,
        first_fill,
        last_fill,
        reference_price,
        -- Where the exchange does not know the sum any more, or prints none, all of the fills do.
        coalesce(
            nullif(cumulative_quote_qty, 0), CASE WHEN received.qty = executed_qty THEN nullif(received.quote_qty, 0) END
        ) / nullif(executed_qty, 0)::DOUBLE AS average_price
    FROM orders
    LEFT JOIN received USING (account, market, symbol, order_id)
    LEFT JOIN opens
        ON orders.market = opens.market
        AND orders.symbol = opens.symbol
        AND date_trunc('minute', orders.time) = opens.minute
)
SELECT
    account,
    market,
    symbol,
    order_id,
    side,
    type,
    status,
    time,
    first_fill,
    last_fill,
    (epoch_us(first_fill) - epoch_us(time)) // 1000 AS time_to_first_fill_ms,
    CASE status WHEN 'FILLED' THEN (epoch_us(last_fill) - epoch_us(time)) // 1000 END AS time_to_fill_ms,
    fills,
    orig_qty,
    executed_qty,
    (executed_qty / nullif(orig_qty, 0)::DOUBLE)::DECIMAL(38, 16) AS fill_ratio,
    average_price::DECIMAL(38, 8) AS average_price,
    reference_price,
    (CASE side WHEN 'BUY' THEN 1 WHEN 'SELL' THEN -1 END * (average_price / reference_price - 1))::DECIMAL(38, 16) AS slippage
FROM averaged
