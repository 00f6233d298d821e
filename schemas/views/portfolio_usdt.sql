-- portfolio: `portfolio('USDT')`, so that a plain name works too.
CREATE OR REPLACE VIEW portfolio AS
FROM portfolio('USDT')
