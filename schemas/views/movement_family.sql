-- What a kind of movement has in common with those by which another list may tell of the same.
CREATE OR REPLACE MACRO movement_family(kind) AS CASE kind
    WHEN 'fee' THEN 'trade'
    WHEN 'withdrawal_fee' THEN 'withdrawal'
    WHEN 'transfer_in' THEN 'transfer'
    WHEN 'transfer_out' THEN 'transfer'
    WHEN 'interest' THEN 'reward'
    WHEN 'rebate' THEN 'reward'
    WHEN 'earn_in' THEN 'earn'
    WHEN 'earn_out' THEN 'earn'
    WHEN 'stake' THEN 'earn'
    WHEN 'unstake' THEN 'earn'
    WHEN 'repay' THEN 'borrow'
    ELSE kind
END
