-- How often `dividends` tells of an amount of an asset on a day: lists of rewards may tell of the same.
CREATE OR REPLACE VIEW distributions_by_day AS
SELECT account, asset, amount, div_time::DATE AS day, count(*) AS times
FROM dividends
WHERE coalesce(direction, 1) = 1
GROUP BY ALL
