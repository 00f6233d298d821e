-- wallets: spot
-- A purchase gives crypto, and takes the currency where it was paid from a balance of it: a card's money never was in
-- the account. A sale takes crypto.
WITH done AS (
    SELECT *, concat_ws('/', side, order_no) AS key FROM fiat_payments WHERE gone_since IS NULL AND status = 'Completed'
)
SELECT
    account,
    'spot' AS wallet,
    crypto_currency AS asset,
    update_time AS time,
    CASE side WHEN 'buy' THEN obtain_amount ELSE -obtain_amount END AS amount,
    'fiat' AS kind,
    key,
    payment_method AS note
FROM done
UNION ALL BY NAME
SELECT
    account,
    'spot' AS wallet,
    fiat_currency AS asset,
    update_time AS time,
    -source_amount AS amount,
    'fiat' AS kind,
    key,
    payment_method AS note
FROM done
WHERE side = 'buy' AND payment_method ILIKE '%cash balance%'
