-- severity: error
-- Every fill and allocation belongs to a stored order, once the orders of its symbol were walked beyond it.
FROM fills_without_order
ORDER BY ALL
