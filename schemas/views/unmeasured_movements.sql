-- Movements that a list tells of without saying how much was moved, or when: some time in [since, until). A dual
-- investment is settled in either of its coins, and of one that came to nothing, or whose time is not told, no day is
-- known; one that is no longer listed may have been settled since. A VIP loan is known by its repayments alone.
-- Mining is paid into a wallet that the exchange does not name. A fill of a pair that was never listed to this lake may
-- have moved each asset held that the name of the pair begins or ends with.
CREATE OR REPLACE VIEW unmeasured_movements AS
WITH dual AS (
    SELECT
        *,
        status IN ('PURCHASE_SUCCESS', 'SETTLING', 'SETTLED') AND subscription_time IS NOT NULL AS taken,
        status = 'PURCHASE_SUCCESS' AND gone_since IS NULL AS running
    FROM dual_investments
)
SELECT
    account,
    'dual_investments' AS dataset,
    position_id AS key,
    'spot' AS wallet,
    unnest([invest_coin, exercised_coin]) AS asset,
    CASE WHEN taken THEN settle_date ELSE coalesce(subscription_time, '-infinity'::TIMESTAMPTZ) END AS since,
    settle_date + INTERVAL 3 DAY AS until
FROM dual
WHERE NOT (taken AND running)
UNION
SELECT
    account,
    'vip_loan_repayments' AS dataset,
    order_id AS key,
    'spot' AS wallet,
    loan_coin AS asset,
    coalesce(loan_date, '-infinity'::TIMESTAMPTZ) AS since,
    coalesce(loan_date + INTERVAL 1 DAY, repay_time) AS until
FROM vip_loan_repayments
UNION
SELECT
    account,
    'mining_payments' AS dataset,
    concat_ws('/', miner, origin, coin_name, type, epoch_ms(time), ordinal) AS key,
    unnest(['spot', 'funding']) AS wallet,
    coin_name AS asset,
    time AS since,
    time + INTERVAL 3 DAY AS until
FROM mining_payments
WHERE gone_since IS NULL
UNION
SELECT account, dataset, key, wallet, asset, time AS since, time + INTERVAL 1 MICROSECOND AS until
FROM fills_of_unknown_pairs
JOIN (SELECT DISTINCT account, asset FROM balances) AS held USING (account)
WHERE starts_with(symbol, asset) OR ends_with(symbol, asset)
