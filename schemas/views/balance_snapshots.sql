-- When each wallet was read: every snapshot that shows something, and, from the log, the first and the last one, of which
-- no row remains where the wallet was empty.
CREATE OR REPLACE VIEW balance_snapshots AS
SELECT account, wallet, observed_at FROM balances
UNION
SELECT account, wallet, unnest([first_observed_at, observed_at]) AS observed_at
FROM bounds
WHERE dataset = 'balances' AND observed_at IS NOT NULL
