-- wallets: spot, isolated_margin
-- Transfers between spot and pairs of isolated margin, and from pair to pair; `transfers` has all that touch cross margin.
WITH moved AS (
    SELECT
        *,
        nullif(split_part(wallet, ':', 2), '') AS asked,
        CASE trans_from WHEN 'SPOT' THEN 'spot' ELSE 'isolated_margin:' || coalesce(from_symbol, asked) END AS source,
        CASE trans_to WHEN 'SPOT' THEN 'spot' ELSE 'isolated_margin:' || coalesce(to_symbol, asked) END AS target
    FROM margin_transfers
    WHERE gone_since IS NULL AND status = 'CONFIRMED'
        AND trans_from IN ('SPOT', 'ISOLATED_MARGIN') AND trans_to IN ('SPOT', 'ISOLATED_MARGIN')
),
-- One that is returned for cross margin and for its pairs as well moved once.
once AS (
    SELECT *, tx_id::VARCHAR AS key
    FROM moved
    WHERE source <> target
    QUALIFY row_number() OVER (PARTITION BY account, tx_id ORDER BY wallet) = 1
)
SELECT account, source AS wallet, asset, timestamp AS time, -amount AS amount, 'transfer_out' AS kind, key, NULL AS note
FROM once
UNION ALL BY NAME
SELECT account, target AS wallet, asset, timestamp AS time, amount, 'transfer_in' AS kind, key, NULL AS note
FROM once
