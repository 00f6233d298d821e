-- wallets: spot, margin, isolated_margin
-- Each fill gives what was bought, takes what was sold, and takes its fee in the fee's own asset; a rebate is given.
WITH traded AS (
    SELECT
        fills.*,
        CASE market WHEN 'isolated_margin' THEN concat('isolated_margin:', symbol) ELSE market END AS wallet,
        base_asset, quote_asset, concat_ws('/', market, symbol, trade_id) AS key
    FROM fills
    LEFT JOIN (SELECT symbol, base_asset, quote_asset FROM symbols WHERE market = 'spot') AS listed USING (symbol)
    WHERE market IN ('spot', 'margin', 'isolated_margin') -- of futures, income tells what moved
)
SELECT
    account,
    wallet,
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
    wallet,
    quote_asset AS asset,
    time,
    CASE WHEN is_buyer THEN -1 ELSE 1 END * coalesce(quote_qty, qty * price) AS amount,
    'trade' AS kind,
    key,
    NULL AS note
FROM traded
WHERE quote_asset IS NOT NULL
UNION ALL BY NAME
SELECT account, wallet, commission_asset AS asset, time, -commission AS amount, 'fee' AS kind, key, NULL AS note
FROM traded
WHERE commission <> 0 AND commission_asset IS NOT NULL
