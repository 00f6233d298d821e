-- wallets: usdm, coinm
-- All that changes a futures wallet but transfers, which `transfers` has; a type that nobody knows moves all the same.
SELECT
    account,
    market AS wallet,
    asset,
    time,
    income AS amount,
    income_kind(income_type, income) AS kind,
    concat_ws('/', market, income_type, tran_id, asset, trade_id, symbol, epoch_ms(time), ordinal) AS key,
    income_type AS note
FROM income
WHERE gone_since IS NULL AND income <> 0 AND income_type <> 'TRANSFER'
