-- severity: warn
-- Every movement that another list tells of is in the list that owns it, once that list is held over its instant; where
-- it is not, the other list's row is counted. Of rewards that the owner need not have, nothing is said.
SELECT account, wallet, asset, time, amount, dataset, key
FROM witnesses
WHERE NOT matched AND closed AND NOT may_be_alone
ORDER BY ALL
