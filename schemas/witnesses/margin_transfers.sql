-- owners: transfers
-- within: 5 seconds
-- Transfers into and out of cross margin. It is not certain that the other wallet is named as it is, so that only the
-- side of margin is told.
WITH moved AS (
    SELECT *, CASE type WHEN 'ROLL_IN' THEN amount WHEN 'ROLL_OUT' THEN -amount END AS received
    FROM margin_transfers
    WHERE gone_since IS NULL AND status = 'CONFIRMED' AND wallet = 'margin'
)
SELECT
    account,
    wallet,
    asset,
    timestamp AS time,
    received AS amount,
    CASE WHEN received < 0 THEN 'transfer_out' ELSE 'transfer_in' END AS kind,
    tx_id::VARCHAR AS key
FROM moved
WHERE received IS NOT NULL
