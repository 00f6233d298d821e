-- wallets: spot, funding, earn_flexible, earn_locked, margin, isolated_margin, usdm, coinm
-- What only imported statements tell of, such as what is older than the exchange's API remembers: each movement that has
-- no partner in any list of the API, in the kind that its operation is. What one line tells is one event. `note` names the
-- file.
SELECT
    account,
    wallet,
    asset,
    time,
    amount,
    kind,
    concat_ws('/', file[1:12], line) AS key,
    concat('statement ', file_name) AS note
FROM statement_matches
WHERE status = 'only_statement'
