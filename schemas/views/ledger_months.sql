-- Each month of each ledger that was pulled, from the account's first movement on: how many movements it came to, and
-- `covered`, `not_retained` where the exchange no longer returned a part of it, or `not_readable` where the key may not
-- read a part of it, or flows.yaml gives no address. `sha256` is over one line for each
-- movement, in order of the bytes: microseconds since 1970, wallet, asset, amount with twelve decimals, kind and key,
-- with tabs in between and a line feed at the end.
CREATE OR REPLACE VIEW ledger_months AS
WITH held AS (
    SELECT account, dataset, max(since) AS since, min(until) AS until, flatten(list(lost)) AS lost,
        min(unread_since) AS unread_since
    FROM ledger_reach
    WHERE until IS NOT NULL
    GROUP BY ALL
),
said AS (
    SELECT account, dataset, month, count(*) AS rows, sha256(string_agg(line, '' ORDER BY line)) AS sha256
    FROM (
        SELECT
            account,
            dataset,
            strftime(time, '%Y-%m') AS month,
            concat_ws(chr(9), epoch_us(time), wallet, asset, amount, kind, key) || chr(10) AS line
        FROM ledger
    )
    GROUP BY ALL
),
months AS (
    SELECT
        held.*,
        unnest(generate_series(date_trunc('month', greatest(held.since, first)), held.until, INTERVAL 1 MONTH)) AS start
    FROM held
    JOIN (SELECT account, min(time) AS first FROM ledger GROUP BY ALL) AS begun USING (account)
)
SELECT
    months.account,
    months.dataset,
    strftime(start, '%Y-%m') AS month,
    greatest(since, start) AS since,
    least(until, start + INTERVAL 1 MONTH) AS until,
    coalesce(rows, 0) AS rows,
    CASE
        WHEN len([1 for part in lost if part.since < least(months.until, start + INTERVAL 1 MONTH)
            AND part.until > greatest(months.since, start)]) > 0
            THEN 'not_retained'
        WHEN unread_since < least(months.until, start + INTERVAL 1 MONTH) THEN 'not_readable'
        ELSE 'covered'
    END AS status,
    coalesce(sha256, sha256('')) AS sha256
FROM months
LEFT JOIN said
    ON said.account = months.account AND said.dataset = months.dataset AND said.month = strftime(start, '%Y-%m')
WHERE start < until
ORDER BY ALL
