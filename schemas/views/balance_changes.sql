-- What each asset of a wallet changed by between two consecutive snapshots (`observed`), and what the movements after
-- the first and up to the second come to (`expected`). Before the first snapshot `since` is NULL. A snapshot was taken
-- at an instant between question and answer, and may or may not show what happened within five seconds of the question:
-- `starting` and `ending` are such movements at its start and at its end. Receipts of simple earn are not counted. Of a
-- snapshot of an empty wallet no row remains: only the last one is known, from the log.
CREATE OR REPLACE VIEW balance_changes AS
WITH taken AS (
    SELECT
        account,
        wallet,
        observed_at AS until,
        lag(observed_at) OVER (PARTITION BY account, wallet ORDER BY observed_at) AS since
    FROM (
        SELECT account, wallet, observed_at FROM balances
        UNION
        SELECT account, wallet, observed_at FROM bounds WHERE dataset = 'balances' AND observed_at IS NOT NULL
    )
),
moved AS (
    SELECT
        taken.account,
        taken.wallet,
        asset,
        until,
        any_value(since) AS since,
        sum(amount) AS expected,
        list({'time': time, 'amount': amount}) FILTER (time <= since + INTERVAL 5 SECONDS) AS starting,
        list({'time': time, 'amount': amount}) FILTER (time >= until - INTERVAL 5 SECONDS) AS ending
    FROM ledger
    ASOF JOIN taken ON ledger.account = taken.account AND ledger.wallet = taken.wallet AND ledger.time <= taken.until
    WHERE NOT is_receipt(asset)
    GROUP BY ALL
),
held AS (
    SELECT account, wallet, asset, until, since, free + coalesce(locked, 0) AS balance
    FROM (SELECT account, wallet, asset, free, locked, observed_at AS until FROM balances WHERE NOT is_receipt(asset))
    JOIN taken USING (account, wallet, until)
),
known AS (
    SELECT
        account,
        wallet,
        asset,
        until,
        any_value(since) AS since,
        coalesce(sum(balance), 0)::DECIMAL(38, 12) AS balance_after,
        coalesce(sum(expected), 0)::DECIMAL(38, 12) AS expected,
        any_value(starting) AS starting,
        any_value(ending) AS ending
    FROM (FROM held UNION ALL BY NAME FROM moved)
    GROUP BY ALL
)
-- What is zero is in a snapshot only where it was not in the one before.
SELECT
    account,
    wallet,
    asset,
    since,
    until,
    CASE WHEN lag(until) OVER history = since THEN lag(balance_after) OVER history ELSE 0 END::DECIMAL(38, 12)
        AS balance_before,
    balance_after,
    balance_after - balance_before AS observed,
    expected,
    starting,
    ending
FROM known
WINDOW history AS (PARTITION BY account, wallet, asset ORDER BY until)
