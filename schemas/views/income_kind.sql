-- What a type of futures income is in the words of `ledger`, as the API or an export spells it; a type that nobody knows
-- moves all the same.
CREATE OR REPLACE MACRO income_kind(income_type, amount) AS CASE
    WHEN income_type IN ('REALIZED_PNL', 'DELIVERED_SETTELMENT') THEN 'realized_pnl'
    WHEN income_type IN ('FUNDING_FEE', 'SPECIAL_FUNDING_FEE') THEN 'funding'
    WHEN income_type IN ('COMMISSION', 'POSITION_LIMIT_INCREASE_FEE') THEN 'fee'
    WHEN income_type = 'INSURANCE_CLEAR' THEN 'liquidation'
    WHEN income_type IN ('REFERRAL_KICKBACK', 'COMMISSION_REBATE', 'API_REBATE', 'FEE_RETURN') THEN 'rebate'
    WHEN income_type IN ('WELCOME_BONUS', 'CONTEST_REWARD', 'BFUSD_REWARD') THEN 'reward'
    WHEN income_type IN ('AUTO_EXCHANGE', 'COIN_SWAP_DEPOSIT', 'COIN_SWAP_WITHDRAW') THEN 'convert'
    WHEN income_type LIKE '%TRANSFER%' AND amount < 0 THEN 'transfer_out'
    WHEN income_type LIKE '%TRANSFER%' THEN 'transfer_in'
    ELSE 'other'
END
