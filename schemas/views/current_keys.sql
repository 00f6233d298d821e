-- The API key that each account used last of those that a run let in, as `key_facts` has it, and when that was.
CREATE OR REPLACE VIEW current_keys AS
SELECT key_facts.*, last_used
FROM key_facts
JOIN key_activity USING (account, fingerprint)
QUALIFY last_used = max(last_used) OVER (PARTITION BY account)
ORDER BY account
