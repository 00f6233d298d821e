-- What each asset of a wallet changed by between two consecutive snapshots (`observed`), and what the movements after
-- the first and up to the second come to (`expected`). Before the first snapshot `since` is NULL. A snapshot was taken
-- at an instant between question and answer, and may or may not show what happened within five seconds of the question:
-- `starting` and `ending` are such movements at its start and at its end. Receipts of simple earn are not counted. Of
-- snapshots of an empty wallet no rows remain: those between the first one, the last one and one with rows are one interval.
CREATE OR REPLACE VIEW balance_changes AS
FROM balance_intervals
WHERE until IS NOT NULL
