-- `realized_gains(quote, costing)`: the gain of each disposal in a quote asset, its proceeds less what it cost, with the
-- method `fifo` (where none is named; a row for each lot it took from, with `acquired_at`) or `average`. What was sent
-- away is no gain. Where proceeds or costs are not known the gain is NULL and `why` says so; what was disposed of beyond
-- all that the ledger shows as acquired has no cost.
CREATE OR REPLACE MACRO realized_gains(quote, costing := 'fifo') AS TABLE
SELECT account, asset, disposed_at, acquired_at, kind, qty, proceeds, cost, proceeds - cost AS gain, why, dataset, key
FROM lots(quote)
WHERE event = 'disposed' AND costing = 'fifo'
UNION ALL
SELECT
    account,
    asset,
    time AS disposed_at,
    NULL AS acquired_at,
    kind,
    qty,
    net_value AS proceeds,
    CASE WHEN short = 0 THEN cost_taken END AS cost,
    net_value - CASE WHEN short = 0 THEN cost_taken END AS gain,
    CASE
        WHEN short > 0 THEN 'more was disposed of than the ledger shows as acquired'
        WHEN cost_taken IS NULL THEN 'the cost of something acquired before is not known'
        ELSE why
    END AS why,
    dataset,
    key
FROM average_costs(quote)
WHERE event = 'disposed' AND costing = 'average'
UNION ALL BY NAME
SELECT NULL AS account
WHERE refused_costing(costing)
