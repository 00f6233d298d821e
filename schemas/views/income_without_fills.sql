-- Profits and commissions of futures that name a trade whose fill is not stored, although the orders of its symbol were
-- walked an hour beyond it: an answer lacked the order, or the fill. What was forgotten before anybody asked is a gap.
CREATE OR REPLACE VIEW income_without_fills AS
SELECT
    account, market, symbol, trade_id, min(time) AS time
FROM (
    SELECT account, market, symbol, TRY_CAST(trade_id AS BIGINT) AS trade_id, time
    FROM income
    WHERE income_type IN ('COMMISSION', 'REALIZED_PNL') AND gone_since IS NULL
) AS told
JOIN (SELECT account, market, symbol, since FROM bounds WHERE dataset = 'fills') AS held USING (account, market, symbol)
JOIN (SELECT account, market, symbol, until FROM bounds WHERE dataset = 'orders') AS walked
    USING (account, market, symbol)
ANTI JOIN fills USING (account, market, symbol, trade_id)
ANTI JOIN gaps
    ON gaps.dataset = 'fills'
    AND gaps.account = told.account
    AND gaps.market = told.market
    AND gaps.symbol = told.symbol
    AND told.time >= gaps.since
    AND told.time < gaps.until
WHERE trade_id IS NOT NULL AND time >= held.since AND time < walked.until - INTERVAL 1 HOUR
GROUP BY ALL
