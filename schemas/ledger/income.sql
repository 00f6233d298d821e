-- wallets: usdm, coinm
-- All that changes a futures wallet but transfers, which `transfers` has; a type that nobody knows moves all the same.
SELECT
    account,
    market AS wallet,
    asset,
    time,
    income AS amount,
    CASE
        WHEN income_type IN ('REALIZED_PNL', 'DELIVERED_SETTELMENT') THEN 'realized_pnl'
        WHEN income_type IN ('FUNDING_FEE', 'SPECIAL_FUNDING_FEE') THEN 'funding'
        WHEN income_type IN ('COMMISSION', 'POSITION_LIMIT_INCREASE_FEE') THEN 'fee'
        WHEN income_type = 'INSURANCE_CLEAR' THEN 'liquidation'
        WHEN income_type IN ('REFERRAL_KICKBACK', 'COMMISSION_REBATE', 'API_REBATE', 'FEE_RETURN') THEN 'rebate'
        WHEN income_type IN ('WELCOME_BONUS', 'CONTEST_REWARD', 'BFUSD_REWARD') THEN 'reward'
        WHEN income_type IN ('AUTO_EXCHANGE', 'COIN_SWAP_DEPOSIT', 'COIN_SWAP_WITHDRAW') THEN 'convert'
        WHEN income_type LIKE '%TRANSFER%' AND income < 0 THEN 'transfer_out'
        WHEN income_type LIKE '%TRANSFER%' THEN 'transfer_in'
        ELSE 'other'
    END AS kind,
    concat_ws('/', market, income_type, tran_id, asset, trade_id, symbol, epoch_ms(time), ordinal) AS key,
    income_type AS note
FROM income
WHERE gone_since IS NULL AND income <> 0 AND income_type <> 'TRANSFER'
