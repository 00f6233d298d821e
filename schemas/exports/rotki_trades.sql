-- rotki's generic trades. rotki knows some assets by an identifier of its own, which it asks for when it imports.
SELECT
    'binance' AS "Location",
    sent_asset AS "Spend Currency",
    received_asset AS "Receive Currency",
    received_amount AS "Receive Amount",
    sent_amount AS "Spend Amount",
    fee_amount AS "Fee",
    fee_asset AS "Fee Currency",
    concat(dataset, '/', key) AS "Description",
    epoch_ms(time) AS "Timestamp"
FROM account_transactions
WHERE account = coalesce(getvariable('exported_account'), account) AND sent_asset IS NOT NULL AND received_asset IS NOT NULL
ORDER BY time, dataset, key, part_no
