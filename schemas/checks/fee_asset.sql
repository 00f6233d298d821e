-- severity: error
-- Every fee that was paid names its asset.
SELECT account, market, symbol, order_id, trade_id, allocation_id, commission, commission_asset
FROM executions
WHERE commission <> 0 AND trim(coalesce(commission_asset, '')) = ''
ORDER BY ALL
