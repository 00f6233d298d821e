-- wallets: margin, margin_debt, isolated_margin, isolated_margin_debt
-- What no other list tells of: what liquidations took and gave, small balances converted, and fees returned.
WITH moved AS (
    SELECT *, concat_ws('/', wallet, flow_id) AS key
    FROM margin_flows
    WHERE gone_since IS NULL AND amount <> 0
        AND type IN (
            'BUY_LIQUIDATION', 'SELL_LIQUIDATION', 'REPAY_LIQUIDATION', 'OTHER_LIQUIDATION', 'LIQUIDATION_FEE',
            'SMALL_BALANCE_CONVERT', 'SMALL_CONVERT', 'COMMISSION_RETURN'
        )
)
SELECT
    account,
    wallet,
    asset,
    timestamp AS time,
    amount,
    CASE
        WHEN type LIKE 'SMALL%' THEN 'dust'
        WHEN type = 'COMMISSION_RETURN' THEN 'rebate'
        ELSE 'liquidation'
    END AS kind,
    key,
    type AS note
FROM moved
UNION ALL BY NAME
SELECT
    account,
    replace(wallet, 'margin', 'margin_debt') AS wallet,
    asset,
    timestamp AS time,
    -amount AS amount,
    'liquidation' AS kind,
    key,
    type AS note
FROM moved
WHERE type = 'REPAY_LIQUIDATION'
