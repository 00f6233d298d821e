-- The ids of each month of each covered series of trades and aggregates, as `ids_of` has them of each.
CREATE OR REPLACE VIEW id_months AS
SELECT 'agg_trades' AS dataset, * FROM ids_of('agg_trades')
UNION ALL
SELECT 'trades', * FROM ids_of('trades')
