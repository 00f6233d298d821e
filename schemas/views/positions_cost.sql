-- `positions_cost(quote, costing)`: how much of each asset an account holds by its ledger, in products of earn too,
-- and what that cost in a quote asset, by the method `fifo` (where none is named) or `average`. `uncosted_qty` is the
-- part whose cost is not known, which `cost` leaves out; with the method `average` all of it is, where any is.
CREATE OR REPLACE MACRO positions_cost(quote, costing := 'fifo') AS TABLE
SELECT
    account,
    asset,
    sum(qty)::DECIMAL(38, 12) AS qty,
    sum(cost) AS cost,
    coalesce(sum(qty) FILTER (cost IS NULL), 0)::DECIMAL(38, 12) AS uncosted_qty,
    quote AS quote_asset
FROM lots(quote)
WHERE event IS NULL AND costing = 'fifo'
GROUP BY account, asset
UNION ALL
SELECT account, asset, held, cost, CASE WHEN cost IS NULL THEN held ELSE 0 END, quote
FROM (
    FROM average_costs(quote)
    QUALIFY row_number() OVER (PARTITION BY account, asset ORDER BY n DESC) = 1
)
WHERE held > 0 AND costing = 'average'
UNION ALL BY NAME
SELECT NULL AS account
WHERE refused_costing(costing)
