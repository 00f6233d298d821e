-- wallets: spot, funding, margin, isolated_margin, usdm, coinm, options, portfolio_margin
-- A transfer between two wallets of the account takes from the one and gives to the other; `type` names both.
WITH names AS (
    SELECT MAP {
        'MAIN': 'spot',
        'FUNDING': 'funding',
        'MARGIN': 'margin',
        'ISOLATEDMARGIN': 'isolated_margin',
        'UMFUTURE': 'usdm',
        'CMFUTURE': 'coinm',
        'OPTION': 'options',
        'PORTFOLIO_MARGIN': 'portfolio_margin'
    } AS wallets
),
moved AS (
    SELECT
        *,
        regexp_extract(split_part(type, ':', 1), '^(PORTFOLIO_MARGIN|[A-Z]+)_(.+)$', ['source', 'target']) AS ends,
        concat('isolated_margin:', split_part(type, ':', 2)) AS isolated,
        concat_ws('/', type, tran_id) AS key
    FROM transfers
    CROSS JOIN names
    WHERE gone_since IS NULL AND status = 'CONFIRMED'
)
SELECT
    account,
    replace(wallets[ends.source], 'isolated_margin', isolated) AS wallet,
    asset,
    timestamp AS time,
    -amount AS amount,
    'transfer_out' AS kind,
    key,
    NULL AS note
FROM moved
WHERE wallet IS NOT NULL
UNION ALL BY NAME
SELECT
    account,
    replace(wallets[ends.target], 'isolated_margin', isolated) AS wallet,
    asset,
    timestamp AS time,
    amount,
    'transfer_in' AS kind,
    key,
    NULL AS note
FROM moved
WHERE wallet IS NOT NULL
