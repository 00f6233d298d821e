-- severity: warn
-- Fundings lie on full hours, and after the first one none is lacking inside coverage unless `gaps` says why. A contract
-- pays every so many hours as `funding_info` told at that time, every 8 where it told nothing, and as often as right
-- before and behind; special fundings come when they come.
SELECT market, symbol, since, until, missing, NULL AS off_grid
FROM unnamed_holes
WHERE dataset = 'funding_rates'
UNION ALL
SELECT market, symbol, funding_time, funding_time, 0, funding_time
FROM funding_rates
WHERE rate_type IS DISTINCT FROM 'Special'
    AND funding_time > time_bucket(INTERVAL 1 HOUR, funding_time + INTERVAL 1 SECOND) + INTERVAL 1 MINUTE
ORDER BY ALL
