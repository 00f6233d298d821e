-- wallets: spot
-- A reward is paid into spot, and `dividends` may tell of it as well: those of a day that it tells of are not counted
-- again.
WITH paid AS (
    SELECT
        account,
        reward_asset AS asset,
        rewards AS amount,
        time,
        time::DATE AS day,
        concat_ws('/', asset, reward_asset, epoch_us(time), ordinal) AS key,
        row_number() OVER (PARTITION BY account, reward_asset, rewards, time::DATE ORDER BY time, ordinal) AS nth
    FROM soft_staking_rewards
    WHERE gone_since IS NULL
)
SELECT
    account, 'spot' AS wallet, asset, time, amount, 'reward' AS kind, key,
    'only soft_staking_rewards tells of it' AS note
FROM paid
LEFT JOIN distributions_by_day USING (account, asset, amount, day)
WHERE nth > coalesce(times, 0)
