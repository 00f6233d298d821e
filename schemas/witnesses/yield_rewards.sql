-- owners: dividends
-- within: 12 hours
-- wallets: spot
-- What tokens with a yield paid into spot.
SELECT
    account,
    'spot' AS wallet,
    reward_asset AS asset,
    time,
    rewards_amount AS amount,
    'reward' AS kind,
    concat_ws('/', product, reward_asset, epoch_us(time), ordinal) AS key
FROM yield_rewards
WHERE gone_since IS NULL
