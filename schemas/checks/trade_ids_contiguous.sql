-- severity: error
-- Every covered id of a trade or an aggregate is stored, or a row of `gaps` names it.
SELECT dataset, market, symbol, month, since_id, until_id, until_id - since_id - inside - named AS missing
FROM id_months
WHERE missing <> 0
ORDER BY ALL
