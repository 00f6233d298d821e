-- `balance_changes`, and what moved since the newest snapshot of a wallet, where `until` is NULL; of wallets without any,
-- all that moved.
CREATE OR REPLACE VIEW balance_intervals AS
WITH taken AS (
    SELECT account, wallet, until, lag(until) OVER history AS since, lead(until) OVER history AS next
    FROM (SELECT account, wallet, observed_at AS until FROM balance_snapshots)
    WINDOW history AS (PARTITION BY account, wallet ORDER BY until)
),
moved AS (
    SELECT ledger.account, ledger.wallet, asset, until, since, time, amount
    FROM ledger
    ASOF LEFT JOIN taken ON ledger.account = taken.account AND ledger.wallet = taken.wallet AND ledger.time <= taken.until
    WHERE NOT is_receipt(asset)
),
held AS (
    SELECT account, wallet, asset, until, since, next, free + coalesce(locked, 0) AS balance
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
        coalesce(sum(before), 0)::DECIMAL(38, 12) AS balance_before,
        coalesce(sum(balance), 0)::DECIMAL(38, 12) AS balance_after,
        coalesce(sum(amount), 0)::DECIMAL(38, 12) AS expected,
        list({'time': time, 'amount': amount}) FILTER (time <= since + INTERVAL 5 SECONDS) AS starting,
        list({'time': time, 'amount': amount}) FILTER (time >= until - INTERVAL 5 SECONDS) AS ending
    FROM (
        FROM moved
        UNION ALL BY NAME
        SELECT account, wallet, asset, until, since, balance FROM held
        UNION ALL BY NAME
        SELECT account, wallet, asset, next AS until, until AS since, balance AS before
        FROM held
        WHERE next IS NOT NULL AND balance <> 0
    )
    GROUP BY ALL
)
SELECT
    account,
    wallet,
    asset,
    since,
    until,
    balance_before,
    balance_after,
    balance_after - balance_before AS observed,
    expected,
    starting,
    ending
FROM known
