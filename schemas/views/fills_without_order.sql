-- Fills and allocations of orders that are not stored, although the orders of their symbol were walked beyond them. Of
-- futures, an order is not returned 90 days after it was placed: fills count from when none of these can be meant.
CREATE OR REPLACE VIEW fills_without_order AS
SELECT
    account, market, symbol, order_id, trade_id, allocation_id, executions.time
FROM executions
JOIN coverage USING (account, market, symbol)
ANTI JOIN orders USING (account, market, symbol, order_id)
WHERE dataset = 'orders'
    AND (
        (order_id >= since_id AND order_id < until_id)
        OR (executions.time >= since + INTERVAL 90 DAY AND executions.time < until)
    )
