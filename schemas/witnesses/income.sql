-- owners: transfers
-- within: 5 seconds
-- Transfers into and out of futures wallets, cut to the second.
SELECT
    account,
    market AS wallet,
    asset,
    time,
    income AS amount,
    CASE WHEN income < 0 THEN 'transfer_out' ELSE 'transfer_in' END AS kind,
    concat_ws('/', market, income_type, tran_id, asset, trade_id, symbol, epoch_ms(time), ordinal) AS key
FROM income
WHERE gone_since IS NULL AND income <> 0 AND income_type = 'TRANSFER'
