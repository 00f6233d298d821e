-- What the imported statements tell that balances changed by, each movement once, however many files tell of it: of
-- equal rows, those of the file that has most of them count. `kind` is that of `ledger`; it is NULL for an operation that
-- binlake does not know, and `mirror` for one that another row tells of too. Several kinds of export tell of the same: what
-- one tells is `covered` where a fuller one of that time was imported that tells of the asset in that wallet in the same
-- direction, as one of some assets alone says nothing of the others. The transaction history is the fullest, then that of
-- futures, and trades. Times differ: within an hour before the first or after the last row of the fuller one, only what it
-- has a row for is covered.
CREATE OR REPLACE VIEW statement_movements AS
WITH told AS (
    SELECT
        statement_rows.* EXCLUDE (kind, wallet),
        statement_rows.kind AS export,
        statement_wallet(wallet, statement_rows.operation) AS wallet,
        CASE
            WHEN statement_rows.kind = 'futures_income'
                THEN income_kind(replace(upper(statement_rows.operation), ' ', '_'), amount)
            WHEN statement_rows.kind <> 'transaction_history' THEN statement_rows.operation
            WHEN operations.kind = 'transfer' THEN CASE WHEN amount < 0 THEN 'transfer_out' ELSE 'transfer_in' END
            WHEN operations.kind = 'earn' THEN CASE WHEN amount < 0 THEN 'earn_in' ELSE 'earn_out' END
            ELSE operations.kind
        END AS kind
    FROM statement_rows
    LEFT JOIN statement_operations AS operations ON operations.operation = lower(statement_rows.operation)
    WHERE problem IS NULL AND NOT is_receipt(asset)
),
fullest AS (
    SELECT
        account,
        export,
        wallet,
        time,
        asset,
        amount,
        arg_max(file, (rows, known, file)) AS file
    FROM (
        SELECT account, export, wallet, time, asset, amount, file, count(kind) AS known, count(*) AS rows
        FROM told
        GROUP BY ALL
    )
    GROUP BY ALL
),
single AS (
    SELECT * FROM told SEMI JOIN fullest USING (account, export, wallet, time, asset, amount, file)
),
ranked AS (
    SELECT
        *,
        CASE export
            WHEN 'transaction_history' THEN 1
            WHEN 'futures_trades' THEN 3
            WHEN 'spot_orders' THEN 3
            ELSE 2
        END AS rank,
        CASE split_part(wallet, ':', 1) WHEN 'funding' THEN 'spot' ELSE split_part(wallet, ':', 1) END AS place,
        CASE kind WHEN 'withdrawal_fee' THEN 'withdrawal' ELSE kind END AS family
    FROM single
),
spans AS (
    SELECT account, file, min(time) AS since, max(time) AS until
    FROM statement_rows
    WHERE kind IN ('transaction_history', 'futures_income', 'spot_trades') AND time IS NOT NULL
    GROUP BY ALL
),
fuller AS MATERIALIZED (
    SELECT account, asset, place, amount > 0 AS gained, rank, since, until
    FROM ranked
    JOIN spans USING (account, file)
    WHERE kind IS NOT NULL AND export IN ('transaction_history', 'futures_income', 'spot_trades')
    GROUP BY ALL
),
within AS (
    SELECT DISTINCT ranked.file, ranked.line, ranked.leg
    FROM ranked
    JOIN fuller
        ON fuller.account = ranked.account AND fuller.asset = ranked.asset AND fuller.place = ranked.place
        AND gained = (ranked.amount > 0) AND fuller.rank < ranked.rank AND ranked.time BETWEEN since AND until
),
-- Beside it a row needs one of its own.
beside AS (
    SELECT DISTINCT near.file, near.line, near.leg
    FROM (
        SELECT ranked.*
        FROM ranked
        JOIN fuller
            ON fuller.account = ranked.account AND fuller.asset = ranked.asset AND fuller.place = ranked.place
            AND gained = (ranked.amount > 0) AND fuller.rank < ranked.rank
            AND (ranked.time BETWEEN since - INTERVAL 1 HOUR AND since
                OR ranked.time BETWEEN until AND until + INTERVAL 1 HOUR)
    ) AS near
    JOIN ranked AS told
        ON told.account = near.account AND told.asset = near.asset AND told.place = near.place
        AND told.rank < near.rank AND told.family = near.family
        AND told.time BETWEEN near.time - INTERVAL 1 HOUR AND near.time + INTERVAL 1 HOUR
        AND (told.amount = near.amount OR (near.family = 'withdrawal' AND told.amount < near.amount))
)
SELECT
    account,
    export,
    wallet,
    asset,
    time,
    amount,
    kind,
    operation,
    remark,
    file_name,
    file,
    line,
    leg,
    within.file IS NOT NULL OR beside.file IS NOT NULL AS covered
FROM single
LEFT JOIN within USING (file, line, leg)
LEFT JOIN beside USING (file, line, leg)
