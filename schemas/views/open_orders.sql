-- The orders that may still change, as last seen; not those that the exchange does not know any more.
CREATE OR REPLACE VIEW open_orders AS
SELECT
    account,
    market,
    symbol,
    order_id,
    client_order_id,
    order_list_id,
    side,
    type,
    status,
    time_in_force,
    price,
    stop_price,
    orig_qty,
    executed_qty,
    orig_qty - executed_qty AS remaining_qty,
    time,
    update_time,
    seen_at
FROM orders
WHERE is_open(status) AND gone_since IS NULL
