-- wallets: spot
-- A subscription takes its amount from spot. What was paid on its settlement the exchange does not say, so that no row
-- tells of it. One that is no longer listed was taken all the same.
SELECT
    account, 'spot' AS wallet, invest_coin AS asset, subscription_time AS time, -subscription_amount AS amount,
    'earn_in' AS kind, position_id AS key, NULL AS note
FROM dual_investments
WHERE status IN ('PURCHASE_SUCCESS', 'SETTLING', 'SETTLED') AND subscription_time IS NOT NULL
