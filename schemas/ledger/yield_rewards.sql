-- wallets: spot
-- A reward is paid into spot, and `dividends` may tell of it as well: those of a day that it tells of are not counted
-- again.
WITH paid AS (
    SELECT
        account,
        product,
        reward_asset AS asset,
        rewards_amount AS amount,
        time,
        time::DATE AS day,
        concat_ws('/', product, reward_asset, epoch_us(time), ordinal) AS key,
        row_number() OVER (
            PARTITION BY account, reward_asset, rewards_amount, time::DATE ORDER BY time, product, ordinal
        ) AS nth
    FROM yield_rewards
    WHERE gone_since IS NULL
)
SELECT
    account, 'spot' AS wallet, asset, time, amount, 'reward' AS kind, key, 'only yield_rewards tells of it' AS note
FROM paid
LEFT JOIN distributions_by_day USING (account, asset, amount, day)
WHERE nth > coalesce(times, 0)
