-- severity: error
-- Every fill and allocation belongs to a stored order, once the orders of its symbol were walked beyond it.
SELECT
    account, market, symbol, order_id, trade_id, allocation_id, executions.time
FROM executions
JOIN coverage USING (account, market, symbol)
ANTI JOIN orders USING (account, market, symbol, order_id)
WHERE dataset = 'orders' AND order_id >= since_id AND order_id < until_id
ORDER BY ALL
