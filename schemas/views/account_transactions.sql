-- The events of `account_events` as transactions, the shape that most programs import: what was sent, what was received
-- and what was paid as a fee, at most one asset of each in a row. An event with more assets of one part has further rows
-- (`part_no`); the sums of each asset are those of `account_events`. A fee that stands alone is what was sent; one below
-- zero is a rebate, and was received.
CREATE OR REPLACE VIEW account_transactions AS
WITH sides AS (
    SELECT
        *,
        CASE
            WHEN amount > 0 THEN 'received'
            WHEN part = 'fee' AND count(*) FILTER (part <> 'fee' OR amount > 0) OVER event > 0 THEN 'fee'
            ELSE 'sent'
        END AS side
    FROM account_events
    WINDOW event AS (PARTITION BY account, dataset, key)
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY account, dataset, key, side ORDER BY part, asset) AS part_no
    FROM sides
)
SELECT
    account,
    min(time) AS time,
    coalesce(
        any_value(kind) FILTER (part = 'trade'), any_value(kind) FILTER (part = 'transfer'), any_value(kind)
    ) AS kind,
    coalesce(any_value(part) FILTER (part <> 'fee'), 'fee') AS part,
    any_value(asset) FILTER (side = 'sent') AS sent_asset,
    -any_value(amount) FILTER (side = 'sent') AS sent_amount,
    any_value(asset) FILTER (side = 'received') AS received_asset,
    any_value(amount) FILTER (side = 'received') AS received_amount,
    any_value(asset) FILTER (side = 'fee') AS fee_asset,
    -any_value(amount) FILTER (side = 'fee') AS fee_amount,
    dataset,
    key,
    part_no
FROM numbered
GROUP BY account, dataset, key, part_no
