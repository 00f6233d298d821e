-- wallets: spot, margin, usdm, coinm
-- A transfer with another account gives to the wallet that it came to, or takes from the one that it left: one leg.
WITH done AS (
    SELECT
        *,
        side = 'sub_in' AS is_in,
        concat_ws('/', side, tran_id) AS key,
        MAP {'SPOT': 'spot', 'MARGIN': 'margin', 'USDT_FUTURE': 'usdm', 'COIN_FUTURE': 'coinm'} AS wallets
    FROM sub_transfers
    WHERE gone_since IS NULL AND status = 'SUCCESS'
)
SELECT
    account,
    wallets[CASE WHEN is_in THEN to_account_type ELSE from_account_type END] AS wallet,
    asset,
    time,
    CASE WHEN is_in THEN qty ELSE -qty END AS amount,
    CASE WHEN is_in THEN 'transfer_in' ELSE 'transfer_out' END AS kind,
    key,
    counter_party AS note
FROM done
WHERE wallet IS NOT NULL
