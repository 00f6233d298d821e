-- wallets: spot
-- Each fill gives what was bought, takes what was sold, and takes its fee in the fee's own asset; a rebate is given.
WITH traded AS (
    SELECT fills.*, base_asset, quote_asset, concat_ws('/', market, symbol, trade_id) AS key
    FROM fills
    LEFT JOIN (SELECT market, symbol, base_asset, quote_asset FROM symbols) AS listed USING (market, symbol)
    WHERE market = 'spot'
)
SELECT
    account,
    'spot' AS wallet,
    base_asset AS asset,
    time,
    CASE WHEN is_buyer THEN qty ELSE -qty END AS amount,
    'trade' AS kind,
    key,
    NULL AS note
FROM traded
WHERE base_asset IS NOT NULL
UNION ALL BY NAME
SELECT
    account,
    'spot' AS wallet,
    quote_asset AS asset,
    time,
    CASE WHEN is_buyer THEN -1 ELSE 1 END * coalesce(quote_qty, qty * price) AS amount,
    'trade' AS kind,
    key,
    NULL AS note
FROM traded
WHERE quote_asset IS NOT NULL
UNION ALL BY NAME
SELECT account, 'spot' AS wallet, commission_asset AS asset, time, -commission AS amount, 'fee' AS kind, key, NULL AS note
FROM traded
WHERE commission <> 0 AND commission_asset IS NOT NULL
