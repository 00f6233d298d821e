-- BittyTax's transaction records; BittyTax values them itself.
SELECT
    CASE
        WHEN sent_asset IS NOT NULL AND received_asset IS NOT NULL THEN 'Trade'
        WHEN part = 'transfer' AND received_asset IS NOT NULL THEN 'Deposit'
        WHEN part = 'transfer' THEN 'Withdrawal'
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') AND received_asset IS NOT NULL THEN 'Margin-Gain'
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') THEN 'Margin-Loss'
        WHEN kind = 'interest' AND received_asset IS NOT NULL THEN 'Interest'
        WHEN kind = 'interest' THEN 'Margin-Fee'
        WHEN part = 'fee' AND received_asset IS NOT NULL THEN 'Fee-Rebate'
        WHEN received_asset IS NOT NULL THEN 'Income'
        ELSE 'Spend'
    END AS "Type",
    received_amount AS "Buy Quantity",
    received_asset AS "Buy Asset",
    NULL AS "Buy Value in GBP",
    sent_amount AS "Sell Quantity",
    sent_asset AS "Sell Asset",
    NULL AS "Sell Value in GBP",
    fee_amount AS "Fee Quantity",
    fee_asset AS "Fee Asset",
    NULL AS "Fee Value in GBP",
    concat('Binance ', account) AS "Wallet",
    strftime(time, '%Y-%m-%dT%H:%M:%S.%f UTC') AS "Timestamp",
    concat(dataset, '/', key) AS "Note"
FROM account_transactions
WHERE account = coalesce(getvariable('exported_account'), account)
ORDER BY time, dataset, key, part_no
