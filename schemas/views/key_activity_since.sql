-- What each API key did from an instant on: first and last use, requests, those refused in all and by code (or HTTP
-- status), those without an answer, and from where. `state` is NULL for a key that no run let in.
CREATE OR REPLACE MACRO key_activity_since(since_) AS TABLE
WITH accounts AS (
    SELECT run, any_value(account) AS account FROM runs WHERE account IS NOT NULL GROUP BY run
),
signed AS (
    SELECT
        -- An earlier binlake wrote down the account of the run alone.
        coalesce(api_requests.account, accounts.account) AS account,
        key_fingerprint AS fingerprint,
        asked_at,
        run,
        host,
        pid,
        status IS NULL AS unanswered,
        CASE WHEN code IS NOT NULL OR status >= 400 THEN coalesce(code, status) END AS refusal
    FROM api_requests
    LEFT JOIN accounts USING (run)
    WHERE key_fingerprint IS NOT NULL AND asked_at >= since_::TIMESTAMPTZ
)
SELECT
    signed.account,
    signed.fingerprint,
    any_value(key_facts.state) AS state,
    min(asked_at) AS first_used,
    max(asked_at) AS last_used,
    count(*) AS requests,
    count(refusal) AS refused,
    CASE WHEN count(refusal) > 0 THEN to_json(histogram(refusal))::VARCHAR ELSE '{}' END AS refusals,
    count(*) FILTER (unanswered) AS unanswered,
    count(DISTINCT run) AS runs,
    count(DISTINCT (host, pid)) FILTER (pid IS NOT NULL) AS processes,
    coalesce(list(DISTINCT host ORDER BY host) FILTER (host IS NOT NULL), []) AS hosts
FROM signed
LEFT JOIN key_facts USING (account, fingerprint)
GROUP BY ALL
ORDER BY ALL
