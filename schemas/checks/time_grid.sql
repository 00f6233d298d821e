-- severity: warn
-- Of what is counted every five minutes or every hour no slot is lacking inside coverage unless `gaps` says why.
SELECT dataset, market, symbol, kind, since, until, missing
FROM unnamed_holes
WHERE dataset <> 'funding_rates'
ORDER BY ALL
