-- Koinly's universal template: sent, received and fee in a row, labels for what is neither a trade nor a transfer. Its
-- columns and the form of times, in UTC, are those of its help page "How to create a custom CSV file with your data",
-- labels those of "What are tags"; for results of futures "Futures and perpetuals" asks for `realized gain` in a file.
SELECT
    strftime(time, '%Y-%m-%d %H:%M:%S UTC') AS "Date",
    sent_amount AS "Sent Amount",
    sent_asset AS "Sent Currency",
    received_amount AS "Received Amount",
    received_asset AS "Received Currency",
    fee_amount AS "Fee Amount",
    fee_asset AS "Fee Currency",
    CASE
        WHEN part = 'trade' OR part = 'transfer' THEN NULL
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') THEN 'realized gain'
        WHEN kind = 'interest' AND sent_asset IS NOT NULL THEN 'loan fee'
        WHEN kind = 'interest' THEN 'lending interest'
        WHEN received_asset IS NOT NULL THEN 'reward'
        ELSE 'cost'
    END AS "Label",
    concat(dataset, '/', key) AS "Description",
    concat_ws('/', dataset, key, part_no) AS "TxHash"
FROM account_transactions
WHERE account = coalesce(getvariable('exported_account'), account)
ORDER BY time, dataset, key, part_no
