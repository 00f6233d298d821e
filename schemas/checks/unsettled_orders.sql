-- severity: warn
-- Every order stored as open was settled by the last run that was to: it was seen open still, or its end was seen. A
-- run that could not, notes between which ids of which symbol; so runs over other symbols neither hide nor cause it.
SELECT account, market, symbol, order_id, status, time, seen_at
FROM open_orders
JOIN (FROM bounds WHERE dataset = 'orders') AS marks USING (account, market, symbol)
WHERE order_id >= unsettled_id AND order_id < unsettled_until_id
ORDER BY ALL
