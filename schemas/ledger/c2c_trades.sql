-- wallets: funding
-- What was bought from somebody is received, what was sold is given, and the commission is taken of the one who has to
-- pay it: the account, as the maker or the taker of the advertisement. The currency never was in the account.
WITH done AS (
    SELECT
        *,
        coalesce(CASE advertisement_role WHEN 'TAKER' THEN taker_commission ELSE commission END, 0) AS fee,
        concat_ws('/', trade_type, order_number) AS key
    FROM c2c_trades
    WHERE gone_since IS NULL AND order_status = 'COMPLETED'
)
SELECT
    account,
    'funding' AS wallet,
    asset,
    create_time AS time,
    CASE trade_type WHEN 'BUY' THEN amount ELSE -amount END AS amount,
    'c2c' AS kind,
    key,
    NULL AS note
FROM done
UNION ALL BY NAME
SELECT account, 'funding' AS wallet, asset, create_time AS time, -fee AS amount, 'fee' AS kind, key, NULL AS note
FROM done
WHERE fee <> 0
