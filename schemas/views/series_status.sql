-- Each series in one row: what is stored, what is covered, how far behind the clock it is, how many gaps are unfilled.
CREATE OR REPLACE VIEW series_status AS
WITH unfilled AS (
    SELECT dataset, market, symbol, "interval", account, count(*) AS open_gaps
    FROM gaps
    GROUP BY ALL
)
SELECT
    coalesce(bounds.dataset, stored.dataset) AS dataset,
    coalesce(bounds.market, stored.market) AS market,
    coalesce(bounds.symbol, stored.symbol) AS symbol,
    coalesce(bounds."interval", stored."interval") AS "interval",
    coalesce(bounds.account, stored.account) AS account,
    coalesce(bounds.wallet, stored.wallet) AS wallet,
    coalesce(stored.rows, 0) AS rows,
    stored.first,
    stored.last,
    bounds.since,
    coalesce(bounds.until, bounds.observed_at) AS until,
    epoch_us(now()) // 1000000 - epoch_us(coalesce(bounds.until, bounds.observed_at)) // 1000000 AS lag_s,
    coalesce(unfilled.open_gaps, 0) AS open_gaps
FROM (
    -- A symbol in which an account was looked for in vain is no series.
    FROM bounds
    WHERE coalesce(until, observed_at) IS NOT NULL OR until_id IS NOT NULL
) AS bounds
FULL JOIN series_rows AS stored
    ON bounds.dataset = stored.dataset
    AND bounds.market IS NOT DISTINCT FROM stored.market
    AND bounds.symbol IS NOT DISTINCT FROM stored.symbol
    AND bounds."interval" IS NOT DISTINCT FROM stored."interval"
    AND bounds.account IS NOT DISTINCT FROM stored.account
    AND bounds.wallet IS NOT DISTINCT FROM stored.wallet
LEFT JOIN unfilled
    ON bounds.dataset = unfilled.dataset
    AND bounds.market IS NOT DISTINCT FROM unfilled.market
    AND bounds.symbol IS NOT DISTINCT FROM unfilled.symbol
    AND bounds."interval" IS NOT DISTINCT FROM unfilled."interval"
    AND bounds.account IS NOT DISTINCT FROM unfilled.account
ORDER BY ALL
