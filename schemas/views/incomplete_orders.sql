-- Orders of which the lake does not hold what they tell of: `fills_differ` where their fills and allocations do not add
-- up to what was executed, in the base and in the quote asset (an open order may have more by now, not less), and
-- `match_missing` where the prevented match that they point to is not stored.
CREATE OR REPLACE VIEW incomplete_orders AS
WITH received AS (
    SELECT
        account,
        market,
        symbol,
        order_id,
        sum(qty) AS qty,
        CASE WHEN count(quote_qty) = count(*) THEN sum(quote_qty) END AS quote_qty
    FROM executions
    GROUP BY ALL
),
compared AS (
    SELECT
        account,
        market,
        symbol,
        order_id,
        status,
        executed_qty,
        coalesce(received.qty, 0) AS received_qty,
        cumulative_quote_qty,
        -- NULL where the market does not say it of each fill.
        CASE WHEN received.qty IS NULL THEN 0 ELSE received.quote_qty END AS received_quote_qty,
        prevented_match_id,
        orders.time,
        update_time,
        seen_at,
        CASE
            WHEN is_open(status) THEN received_qty < executed_qty
            -- Very old orders may have lost their sum in the quote asset.
            ELSE received_qty <> executed_qty OR coalesce(received_quote_qty <> nullif(cumulative_quote_qty, 0), false)
        END AS fills_differ,
        prevented_match_id IS NOT NULL AND matches.stored IS NULL AS match_missing
    FROM orders
    LEFT JOIN received USING (account, market, symbol, order_id)
    LEFT JOIN (
        SELECT account, market, symbol, prevented_match_id, true AS stored FROM prevented_matches
    ) AS matches USING (account, market, symbol, prevented_match_id)
)
FROM compared
WHERE fills_differ OR match_missing
