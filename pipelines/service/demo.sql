-- What the demo asks of its lake in the end: each question, and the SQL that a person would type.

-- What does the lake hold?
SELECT dataset, symbol, "interval", rows, since, until, open_gaps
FROM series_status WHERE "interval" IS NOT NULL ORDER BY ALL

-- What is missing inside it, and why?
SELECT symbol, "interval", since, until, reason FROM gaps ORDER BY ALL

-- What are the last prices?
SELECT symbol, price, observed_at FROM latest_prices ORDER BY symbol LIMIT 6

-- What is the account worth?
SELECT wallet, asset, total, price, value, why FROM portfolio('USDT') ORDER BY value DESC NULLS LAST

-- What is that in total, and what is left out?
SELECT value, quote_asset, assets, unvalued, unvalued_assets FROM portfolio_total

-- Which orders came last?
SELECT time, symbol, side, type, status, price, orig_qty, executed_qty FROM orders ORDER BY time DESC LIMIT 5

-- Which fills, and what did each cost?
SELECT time, symbol, if(is_buyer, 'BUY', 'SELL') AS side, price, qty, commission, commission_asset, fee_value
FROM fills_with_fees ORDER BY time DESC LIMIT 5

-- What did the last four weeks of trading cost?
SELECT quote_asset, count(*) AS fills, sum(fee_value) AS fees, count(*) FILTER (fee_value IS NULL) AS unvalued
FROM fills_with_fees WHERE time > now() - INTERVAL 28 DAY GROUP BY quote_asset ORDER BY fills DESC

-- What moved the account's balances last?
SELECT time, wallet, asset, amount, kind, dataset FROM ledger ORDER BY time DESC, wallet, asset LIMIT 8

-- Is every balance the sum of its movements, from the first day on?
SELECT wallet, status, count(*) AS changes, sum(abs(residual)) AS left_over, list(DISTINCT asset) FILTER (residual <> 0) AS of
FROM reconciliation GROUP BY wallet, status ORDER BY wallet, status

-- What was the account worth at the end of each day?
SELECT day::DATE AS day, value, unvalued, rebuilt FROM equity_daily('USDT') ORDER BY day DESC LIMIT 6

-- Candles of six hours, made of minutes?
SELECT open_time, open, high, low, close, volume, complete
FROM resample('spot', 'BTCUSDT', '1m', '6h') ORDER BY open_time DESC LIMIT 4

-- How did BTCUSDT close, hour by hour?
SELECT open_time, close FROM candles WHERE symbol = 'BTCUSDT' AND "interval" = '1h' ORDER BY open_time
