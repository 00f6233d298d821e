-- All that orders received: `fills`, and `allocations` of those routed over several books; each row has the id of one.
CREATE OR REPLACE VIEW executions AS
SELECT
    account,
    market,
    symbol,
    trade_id,
    NULL::BIGINT AS allocation_id,
    order_id,
    price,
    qty,
    quote_qty,
    commission,
    commission_asset,
    time,
    is_buyer,
    is_maker
FROM fills
UNION ALL BY NAME
SELECT
    account,
    market,
    symbol,
    allocation_id,
    order_id,
    price,
    qty,
    quote_qty,
    commission,
    commission_asset,
    time,
    is_buyer,
    is_maker
FROM allocations
