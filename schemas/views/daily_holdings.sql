-- What each wallet held at the end of each day (UTC) up to that of the account's last snapshot (`ended` where that day was
-- over): what its last snapshot until then shows, or before the first what that shows, and what the ledger moved in
-- between (`rebuilt` where it moved anything).
-- What debts owe counts below zero; receipts of simple earn are left out.
CREATE OR REPLACE VIEW daily_holdings AS
WITH snapshots AS MATERIALIZED (
    SELECT account, wallet, asset, observed_at AS time, (free + coalesce(locked, 0))::DECIMAL(38, 12) AS total
    FROM balances
    WHERE NOT is_receipt(asset)
),
taken AS MATERIALIZED (
    SELECT account, wallet, observed_at AS time FROM balance_snapshots
),
sums AS MATERIALIZED (
    SELECT
        account,
        wallet,
        asset,
        time,
        sum(sum(amount)) OVER (PARTITION BY account, wallet, asset ORDER BY time)::DECIMAL(38, 12) AS moved
    FROM ledger
    WHERE NOT is_receipt(asset)
    GROUP BY account, wallet, asset, time
),
lasts AS (
    SELECT account, max(time) AS last FROM taken GROUP BY account
),
spans AS (
    SELECT account, wallet, min(time) AS first, any_value(last) AS last
    FROM (SELECT account, wallet, time FROM taken UNION ALL SELECT account, wallet, time FROM sums)
    JOIN lasts USING (account)
    WHERE (account, wallet) IN (SELECT (account, wallet) FROM taken)
    GROUP BY account, wallet
),
ends AS (
    SELECT
        account, wallet, unnest(generate_series(date_trunc('day', first), last, INTERVAL 1 DAY)) AS day,
        day + INTERVAL 1 DAY AS ending,
        ending <= last AS ended
    FROM spans
),
anchored AS (
    SELECT ends.account, ends.wallet, day, ending, ended, coalesce(taken.time, opening) AS anchor
    FROM ends
    ASOF LEFT JOIN taken ON ends.account = taken.account AND ends.wallet = taken.wallet AND taken.time < ending
    JOIN (SELECT account, wallet, min(time) AS opening FROM taken GROUP BY ALL) AS openings
        ON ends.account = openings.account AND ends.wallet = openings.wallet
),
assets AS (
    SELECT account, wallet, asset FROM snapshots
    UNION
    SELECT account, wallet, asset FROM sums
),
wanted AS (
    FROM anchored JOIN assets USING (account, wallet)
),
moved_until AS (
    SELECT wanted.*, coalesce(sums.moved, 0) AS moved_at_end
    FROM wanted
    ASOF LEFT JOIN sums
        ON wanted.account = sums.account AND wanted.wallet = sums.wallet AND wanted.asset = sums.asset
        AND sums.time < ending
),
moved_since AS (
    SELECT moved_until.*, moved_at_end - coalesce(sums.moved, 0) AS since_anchor
    FROM moved_until
    ASOF LEFT JOIN sums
        ON moved_until.account = sums.account AND moved_until.wallet = sums.wallet
        AND moved_until.asset = sums.asset AND sums.time <= anchor
)
SELECT
    moved_since.account,
    moved_since.wallet,
    moved_since.asset,
    day,
    (coalesce(total, 0) + since_anchor)::DECIMAL(38, 12) AS total,
    since_anchor <> 0 AS rebuilt,
    ended
FROM moved_since
LEFT JOIN snapshots
    ON moved_since.account = snapshots.account AND moved_since.wallet = snapshots.wallet
    AND moved_since.asset = snapshots.asset AND snapshots.time = anchor
WHERE coalesce(total, 0) + since_anchor <> 0
