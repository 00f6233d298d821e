-- wallets: spot
-- A distribution is given, or taken where `direction` says so; answers from before January 2026 do not say it, and there
-- only a recovery is taken.
SELECT
    account,
    'spot' AS wallet,
    asset,
    div_time AS time,
    CASE
        WHEN direction = -1 OR (direction IS NULL AND en_info ILIKE '%recover%') THEN -abs(amount)
        ELSE amount
    END AS amount,
    'reward' AS kind,
    dividend_id::VARCHAR AS key,
    en_info AS note
FROM dividends
WHERE gone_since IS NULL AND coalesce(direction, 1) IN (1, -1)
