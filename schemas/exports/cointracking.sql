-- CoinTracking's CSV import, times in UTC: the eleven columns that its import page asks for, in that order, as programs that
-- write them quote it; the types are among those that such programs list. What may follow the date has changed over the
-- years, and is left out.
SELECT
    CASE
        WHEN sent_asset IS NOT NULL AND received_asset IS NOT NULL THEN 'Trade'
        WHEN part = 'transfer' AND received_asset IS NOT NULL THEN 'Deposit'
        WHEN part = 'transfer' THEN 'Withdrawal'
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') AND received_asset IS NOT NULL
            THEN 'Derivatives / Futures Profit'
        WHEN kind IN ('funding', 'realized_pnl', 'liquidation') THEN 'Derivatives / Futures Loss'
        WHEN kind = 'interest' AND received_asset IS NOT NULL THEN 'Interest Income'
        WHEN kind = 'interest' THEN 'Borrowing Fee'
        WHEN kind = 'reward' AND received_asset IS NOT NULL THEN 'Reward / Bonus'
        WHEN received_asset IS NOT NULL THEN 'Income'
        WHEN part = 'fee' THEN 'Other Fee'
        ELSE 'Spend'
    END AS "Type",
    received_amount AS "Buy Amount",
    received_asset AS "Buy Currency",
    sent_amount AS "Sell Amount",
    sent_asset AS "Sell Currency",
    fee_amount AS "Fee",
    fee_asset AS "Fee Currency",
    'Binance' AS "Exchange",
    account AS "Trade-Group",
    concat(dataset, '/', key) AS "Comment",
    strftime(time, '%Y-%m-%d %H:%M:%S') AS "Date"
FROM account_transactions
WHERE account = coalesce(getvariable('exported_account'), account)
ORDER BY time, dataset, key, part_no
