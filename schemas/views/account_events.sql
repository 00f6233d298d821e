-- What each event changed of what an account holds in all its wallets, one row per asset and part: a movement between
-- two wallets of the account is no row. `part` is `fee` for what the event cost, else `trade` where one asset was given
-- for another, `income` where something was earned or lost, `transfer` where it came from outside or left. A product of
-- earn that gives another asset for the one it takes, such as BFUSD for USDT, is a trade.
CREATE OR REPLACE VIEW account_events AS
WITH moved AS MATERIALIZED (
    SELECT
        account,
        dataset,
        key,
        part_of(kind) AS part,
        any_value(kind) AS kind,
        asset,
        min(time) AS time,
        sum(amount)::DECIMAL(38, 12) AS amount
    FROM ledger
    GROUP BY ALL
    HAVING sum(amount) <> 0
),
exchanged AS (
    SELECT account, dataset, key, 'earn' AS part, 'trade' AS part_of_two
    FROM moved
    WHERE part = 'earn'
    GROUP BY ALL
    HAVING count(*) > 1
)
SELECT
    * EXCLUDE (part_of_two)
    REPLACE (CASE WHEN part = 'earn' THEN coalesce(part_of_two, 'transfer') ELSE part END AS part)
FROM moved
LEFT JOIN exchanged USING (account, dataset, key, part)
