-- severity: error
-- Every fill and allocation belongs to a stored order, once the orders of its symbol were walked beyond it. A fill of
-- futures may belong to a conditional order, which names the order that it became.
FROM fills_without_order
ANTI JOIN (
    SELECT account, market, symbol, TRY_CAST(actual_order_id AS BIGINT) AS order_id FROM algo_orders
) AS became USING (account, market, symbol, order_id)
ORDER BY ALL
