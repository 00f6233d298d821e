-- severity: warn
-- The fill of every trade that a profit or a commission of futures names is stored, once the orders of its symbol were
-- walked an hour beyond it.
FROM income_without_fills
ORDER BY ALL
