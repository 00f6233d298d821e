-- Which ledgers may move each kind of wallet of an account, and the stretch over which each is held: [since, until),
-- NULL where it never was pulled to its end. `settles` is for how long after that a row may still appear or change,
-- `lost` has the stretches that the exchange no longer returned when they were asked for, and `absent_code` is the code
-- by which it said that the account or its key has nothing of it. Only where it said that the account has none (3003) is
-- that known of the time up to then: `unread_since` is from when on else nobody knows what the ledger would tell.
CREATE OR REPLACE VIEW ledger_reach AS
WITH done AS (
    SELECT account, dataset, market, max(started) AS started
    FROM runs
    WHERE outcome = 'done' AND account IS NOT NULL
    GROUP BY ALL
),
walked AS (
    SELECT
        account,
        dataset,
        market,
        max(since) AS since,
        min(greatest(until, absent_at)) AS until,
        max(absent_code) FILTER (absent_at > coalesce(until, '-infinity'::TIMESTAMPTZ)) AS absent_code,
        min(coalesce(until, '-infinity'::TIMESTAMPTZ)) FILTER (
            absent_at > coalesce(until, '-infinity'::TIMESTAMPTZ) AND absent_code <> 3003
        ) AS unread_since
    FROM bounds
    WHERE greatest(until, absent_at) IS NOT NULL AND account IS NOT NULL
    GROUP BY ALL
),
forgotten AS (
    SELECT account, dataset, market, list({'since': since, 'until': until}) AS lost
    FROM gaps
    WHERE reason = 'not_retained' AND account IS NOT NULL
    GROUP BY ALL
),
moving AS (
    SELECT account, dataset, pulled_with, settles, unnest(wallets) AS wallet
    FROM ledgers
    CROSS JOIN (SELECT account FROM runs WHERE account IS NOT NULL UNION SELECT account FROM balances)
)
SELECT
    moving.account,
    moving.dataset,
    wallet,
    -- What is walked by id is held from the first one on, up to when it was last asked for.
    CASE WHEN started IS NOT NULL THEN coalesce(walked.since, TIMESTAMPTZ '1970-01-01 00:00:00+00') END AS since,
    CASE WHEN started IS NOT NULL THEN coalesce(walked.until, started) END AS until,
    settles,
    coalesce(lost, []) AS lost,
    absent_code,
    unread_since
FROM moving
LEFT JOIN done
    ON done.account = moving.account
    AND done.dataset = pulled_with
    AND (done.market IS NULL OR done.market = wallet)
LEFT JOIN walked
    ON walked.account = moving.account
    AND walked.dataset = moving.dataset
    AND (walked.market IS NULL OR walked.market = wallet)
LEFT JOIN forgotten
    ON forgotten.account = moving.account
    AND forgotten.dataset = moving.dataset
    AND (forgotten.market IS NULL OR forgotten.market = wallet)
