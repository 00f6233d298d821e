-- severity: error
-- Every fill and allocation names the asset that its fee was paid in.
SELECT account, market, symbol, order_id, trade_id, allocation_id, commission, commission_asset
FROM executions
WHERE trim(coalesce(commission_asset, '')) = ''
ORDER BY ALL
