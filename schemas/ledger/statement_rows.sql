-- wallets: spot, funding, earn_flexible, earn_locked, margin, isolated_margin, usdm, coinm
-- What only imported statements tell of, such as what is older than the exchange's API remembers: each movement that has
-- no partner in any list of the API, in the kind that its operation is. What one line tells is one event, and so is what
-- the lines of a transaction history tell of trades in a wallet, of dust or the like in one second, unless an asset both
-- came and went, the two sides of a conversion that no other comes as near as half a minute, and the two ends of a
-- transfer: they share the `key` of one of them. `note` names the file.
WITH told AS (
    SELECT account, export, wallet, asset, time, amount, kind, file_name, concat_ws('/', file[1:12], line) AS own_key
    FROM statement_matches
    WHERE status = 'only_statement'
),
near AS (
    SELECT
        account, asset, amount, time, own_key,
        time - lag(time) OVER (PARTITION BY account ORDER BY time, own_key) > INTERVAL 31 SECONDS AS apart
    FROM told
    WHERE export = 'transaction_history' AND kind = 'convert'
),
conversions AS (
    SELECT account, min(own_key) AS one_key, max(own_key) AS other_key, min(time) AS began
    FROM (SELECT *, count(*) FILTER (apart) OVER (PARTITION BY account ORDER BY time, own_key) AS stretch FROM near)
    GROUP BY account, stretch
    HAVING count(*) = 2 AND min(sign(amount)) < max(sign(amount)) AND min(asset) <> max(asset)
),
placed AS (
    SELECT
        account, wallet, asset, time, amount, kind, file_name, own_key,
        hash(account, coalesce(began, date_trunc('second', time)), CASE
            WHEN kind IN ('transfer_in', 'transfer_out') THEN hash('transfer', asset, abs(amount))
            WHEN export <> 'transaction_history' THEN hash(own_key)
            WHEN kind IN ('trade', 'fee') THEN hash('trade', wallet)
            WHEN kind IN ('convert', 'dust', 'fiat', 'stake', 'unstake') THEN hash(kind)
            ELSE hash(own_key)
        END) AS event
    FROM told
    LEFT JOIN (
        SELECT unnest([one_key, other_key]) AS own_key, began FROM conversions
    ) USING (own_key)
),
events AS (
    SELECT event, min(key) AS key
    FROM (
        SELECT event, asset, min(own_key) AS key, bool_and(kind IN ('transfer_in', 'transfer_out')) AS moved,
            min(sign(amount)) FILTER (kind <> 'fee') AS least, max(sign(amount)) FILTER (kind <> 'fee') AS most
        FROM placed
        GROUP BY event, asset
    )
    GROUP BY event
    HAVING bool_and(moved OR least IS NULL OR least = most)
)
SELECT
    account,
    wallet,
    asset,
    time,
    amount,
    kind,
    coalesce(events.key, own_key) AS key,
    concat('statement ', file_name) AS note
FROM placed
LEFT JOIN events USING (event)
