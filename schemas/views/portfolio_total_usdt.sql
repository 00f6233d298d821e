-- The view `portfolio_total`: what `portfolio_total('USDT')` answers.
CREATE OR REPLACE VIEW portfolio_total AS
FROM portfolio_total('USDT')
