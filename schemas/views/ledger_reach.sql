-- Which ledgers may move each wallet that has snapshots, and the stretch over which each is held: [since, until), NULL
-- where it never was pulled to its end. `settles` is for how long after that a row may still appear or change, and
-- `lost` has the stretches that the exchange no longer returned when they were asked for.
CREATE OR REPLACE VIEW ledger_reach AS
WITH done AS (
    SELECT account, dataset, market, max(started) AS started
    FROM runs
    WHERE outcome = 'done' AND account IS NOT NULL
    GROUP BY ALL
),
walked AS (
    SELECT account, dataset, max(since) AS since, min(until) AS until
    FROM bounds
    WHERE until IS NOT NULL AND account IS NOT NULL
    GROUP BY ALL
),
forgotten AS (
    SELECT account, dataset, list({'since': since, 'until': until}) AS lost
    FROM gaps
    WHERE reason = 'not_retained' AND account IS NOT NULL
    GROUP BY ALL
),
wallets AS (
    SELECT DISTINCT account, wallet, replace(split_part(wallet, ':', 1), 'isolated_', '') AS market FROM balances
)
SELECT
    wallets.account,
    wallet,
    ledgers.dataset,
    -- What is walked by id is held from the first one on, up to when it was last asked for.
    CASE WHEN started IS NOT NULL THEN coalesce(walked.since, TIMESTAMPTZ '1970-01-01 00:00:00+00') END AS since,
    CASE WHEN started IS NOT NULL THEN coalesce(walked.until, started) END AS until,
    settles,
    coalesce(lost, []) AS lost
FROM wallets
JOIN ledgers ON list_contains(ledgers.wallets, split_part(wallet, ':', 1))
LEFT JOIN done
    ON done.account = wallets.account
    AND done.dataset = ledgers.pulled_with
    AND (done.market IS NULL OR done.market = wallets.market)
LEFT JOIN walked ON walked.account = wallets.account AND walked.dataset = ledgers.dataset
LEFT JOIN forgotten ON forgotten.account = wallets.account AND forgotten.dataset = ledgers.dataset
