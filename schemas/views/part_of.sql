-- What a kind of movement is to an account: `fee`, `trade` where one asset is given for another, `income` where something
-- is earned or lost, `transfer` where it comes from outside or leaves, and `earn` into or out of a product of earn.
CREATE OR REPLACE MACRO part_of(kind) AS CASE
    WHEN kind IN ('fee', 'withdrawal_fee') THEN 'fee'
    WHEN kind IN ('trade', 'dust', 'convert', 'fiat', 'c2c', 'pay', 'stake', 'unstake', 'other') THEN 'trade'
    WHEN kind IN ('reward', 'rebate', 'funding', 'realized_pnl', 'interest', 'liquidation', 'adjustment')
        THEN 'income'
    WHEN kind IN ('deposit', 'withdrawal', 'transfer_in', 'transfer_out', 'borrow', 'repay') THEN 'transfer'
    WHEN kind IN ('earn_in', 'earn_out') THEN 'earn'
END
