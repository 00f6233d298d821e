-- wallets: funding, spot, earn_flexible
-- A payment takes, and what was received gives, each asset that its details name, of the wallets that they name. Where
-- they name none, it is the wallet of the whole. What a card paid never was in the account.
WITH paid AS (
    SELECT
        account,
        transaction_id AS key,
        transaction_time AS time,
        order_type AS note,
        coalesce(wallet_type, 1)::VARCHAR AS code,
        CASE WHEN amount < 0 THEN -1 ELSE 1 END AS direction,
        currency AS asset,
        abs(amount) AS amount,
        json_extract(funds_detail, '$[*]') AS funds
    FROM pay_transactions
    WHERE gone_since IS NULL
),
named AS (
    SELECT
        * REPLACE (fund ->> 'currency' AS asset, abs((fund ->> 'amount')::DECIMAL(38, 12)) AS amount),
        coalesce(fund -> 'walletAssetCost', 'null') NOT IN ('null', '{}', '[]') AS by_wallet
    FROM (SELECT *, unnest(funds) AS fund FROM paid)
),
legs AS (
    SELECT * FROM paid WHERE coalesce(len(funds), 0) = 0
    UNION ALL BY NAME
    SELECT * FROM named WHERE NOT by_wallet
    UNION ALL BY NAME
    SELECT named.* REPLACE (cost.key AS code, abs((cost.atom ->> '$')::DECIMAL(38, 12)) AS amount)
    FROM named, json_tree(named.fund, '$.walletAssetCost') AS cost
    WHERE by_wallet AND cost.atom IS NOT NULL
)
SELECT
    account,
    MAP {'1': 'funding', '2': 'spot', '3': 'spot', '5': 'earn_flexible'}[code] AS wallet,
    asset,
    time,
    direction * amount AS amount,
    'pay' AS kind,
    key,
    note
FROM legs
WHERE wallet IS NOT NULL
