-- The view `portfolio`: what `portfolio('USDT')` answers.
CREATE OR REPLACE VIEW portfolio AS
FROM portfolio('USDT')
