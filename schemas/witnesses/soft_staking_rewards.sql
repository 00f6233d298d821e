-- owners: dividends
-- within: 12 hours
-- wallets: spot
-- What was paid into spot for coins that lie there.
SELECT
    account,
    'spot' AS wallet,
    reward_asset AS asset,
    time,
    rewards AS amount,
    'reward' AS kind,
    concat_ws('/', asset, reward_asset, epoch_us(time), ordinal) AS key
FROM soft_staking_rewards
WHERE gone_since IS NULL
