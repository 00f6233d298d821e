-- rotki's generic events: all that is no trade.
SELECT
    CASE
        WHEN part = 'transfer' AND received_asset IS NOT NULL THEN 'Deposit'
        WHEN part = 'transfer' THEN 'Withdrawal'
        WHEN received_asset IS NOT NULL THEN 'Income'
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') THEN 'Loss'
        ELSE 'Spend'
    END AS "Type",
    'binance' AS "Location",
    coalesce(received_asset, sent_asset) AS "Currency",
    coalesce(received_amount, sent_amount) AS "Amount",
    fee_amount AS "Fee",
    fee_asset AS "Fee Currency",
    concat(dataset, '/', key) AS "Description",
    epoch_ms(time) AS "Timestamp"
FROM account_transactions
WHERE account = coalesce(getvariable('exported_account'), account) AND (sent_asset IS NULL OR received_asset IS NULL)
ORDER BY time, dataset, key, part_no
