-- What an asset of a wallet must have been before the first movement and snapshot of that wallet, so that both agree; no
-- row where the ledger tells all. `day` is the day of that first row.
CREATE OR REPLACE VIEW opening_balances AS
WITH firsts AS (
    SELECT account, wallet, min(day) AS day FROM daily_holdings GROUP BY ALL
),
moved AS (
    SELECT account, wallet, asset, sum(amount) AS amount
    FROM ledger
    JOIN firsts USING (account, wallet)
    WHERE time < day + INTERVAL 1 DAY AND NOT is_receipt(asset)
    GROUP BY ALL
)
SELECT account, wallet, asset, firsts.day, (coalesce(total, 0) - coalesce(amount, 0))::DECIMAL(38, 12) AS amount
FROM (SELECT account, wallet, asset, total FROM daily_holdings JOIN firsts USING (account, wallet, day)) AS held
FULL JOIN moved USING (account, wallet, asset)
JOIN firsts USING (account, wallet)
WHERE coalesce(total, 0) <> coalesce(amount, 0)
