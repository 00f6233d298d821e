-- severity: error
-- Every stored open order lies where the next run looks for open ones: not before the mark of its series in the log.
SELECT account, market, symbol, order_id, status, time, seen_at, open_since
FROM open_orders
LEFT JOIN (FROM bounds WHERE dataset = 'orders') AS marks USING (account, market, symbol)
WHERE open_since IS NULL OR epoch_us(open_since) = 0 OR time < open_since
ORDER BY ALL
