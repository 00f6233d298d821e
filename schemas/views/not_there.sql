-- Wallets and ledgers that the exchange said an account or its key has nothing of, and since when nothing newer is known.
-- `code` is the code by which it said so; 0 where flows.yaml gives no address for such calls.
CREATE OR REPLACE VIEW not_there AS
SELECT dataset, account, wallet, max(absent_at) AS as_of, max(absent_code) AS code
FROM bounds
WHERE absent_at > coalesce(greatest(until, observed_at), '-infinity'::TIMESTAMPTZ)
GROUP BY ALL
ORDER BY ALL
