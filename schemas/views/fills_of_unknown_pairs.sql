-- Fills and allocations of symbols that the exchange did not list to this lake, so that nobody knows which assets they
-- moved: in `ledger` they move nothing but their fee. An imported export of trades tells it.
CREATE OR REPLACE VIEW fills_of_unknown_pairs AS
SELECT
    account,
    CASE WHEN allocation_id IS NULL THEN 'fills' ELSE 'allocations' END AS dataset,
    concat_ws('/', market, symbol, coalesce(trade_id, allocation_id)) AS key,
    CASE market WHEN 'isolated_margin' THEN concat('isolated_margin:', symbol) ELSE market END AS wallet,
    symbol,
    time
FROM executions
ANTI JOIN (SELECT symbol FROM symbols WHERE market = 'spot') AS listed USING (symbol)
WHERE market IN ('spot', 'margin', 'isolated_margin')
