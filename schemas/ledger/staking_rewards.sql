-- wallets: spot
-- Only a boost is paid out, and `dividends` may tell of it as well: those of a day that it tells of are not counted
-- again.
WITH paid AS (
    SELECT
        *,
        time::DATE AS day,
        row_number() OVER (PARTITION BY account, asset, amount, time::DATE ORDER BY time, ordinal) AS nth
    FROM staking_rewards
    WHERE gone_since IS NULL AND product = 'sol_boost'
)
SELECT
    account,
    'spot' AS wallet,
    asset,
    time,
    amount,
    'reward' AS kind,
    concat_ws('/', product, epoch_us(time), ordinal) AS key,
    'only staking_rewards tells of it' AS note
FROM paid
LEFT JOIN distributions_by_day USING (account, asset, amount, day)
WHERE nth > coalesce(times, 0)
