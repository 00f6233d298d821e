-- The newest snapshot of each wallet; an asset that went to zero since the one before is still in it.
CREATE OR REPLACE VIEW latest_balances AS
SELECT account, wallet, asset, free, locked, free + locked AS total, observed_at
FROM balances
SEMI JOIN (FROM bounds WHERE dataset = 'balances') AS newest USING (account, wallet, observed_at)
