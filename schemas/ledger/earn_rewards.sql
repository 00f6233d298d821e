-- wallets: spot, earn_flexible
-- A real-time reward grows the position. Others are paid into spot, and `dividends` may tell of them as well: those of
-- a day that it tells of are not counted again.
WITH paid AS (
    SELECT
        *,
        time::DATE AS day,
        type = 'REALTIME' AS grows,
        row_number() OVER (
            PARTITION BY account, asset, amount, time::DATE, type = 'REALTIME' ORDER BY time, product, source_id, ordinal
        ) AS nth
    FROM earn_rewards
    WHERE gone_since IS NULL
)
SELECT
    account,
    CASE WHEN grows THEN 'earn_flexible' ELSE 'spot' END AS wallet,
    asset,
    time,
    amount,
    'reward' AS kind,
    concat_ws('/', product, asset, type, source_id, epoch_us(time), ordinal) AS key,
    CASE WHEN grows THEN type ELSE 'only earn_rewards tells of it' END AS note
FROM paid
LEFT JOIN distributions_by_day USING (account, asset, amount, day)
WHERE grows OR nth > coalesce(times, 0)
