-- wallets: spot, funding, earn_flexible, earn_locked
-- A redemption takes from earn what was asked back, and gives what was paid, less where it was early, to the account
-- that it names. What a chain held for the account was in no wallet.
WITH done AS (
    SELECT
        * REPLACE (coalesce(deliver_date, time) AS time),
        concat_ws('/', product, redeem_id) AS key
    FROM earn_redemptions
    WHERE gone_since IS NULL AND status IN ('PAID', 'SUCCESS')
)
SELECT
    account,
    'earn_' || product AS wallet,
    asset,
    time,
    -coalesce(original_amount, amount) AS amount,
    'earn_out' AS kind,
    key,
    type AS note
FROM done
WHERE product <> 'onchain'
UNION ALL BY NAME
SELECT
    account,
    CASE dest_account WHEN 'FUNDING' THEN 'funding' ELSE 'spot' END AS wallet,
    asset,
    time,
    amount,
    'earn_out' AS kind,
    key,
    type AS note
FROM done
