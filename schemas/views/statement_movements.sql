-- What the imported statements tell that balances changed by, each movement once, however many files tell of it: of
-- equal rows, those of the file that has most of them count. `kind` is that of `ledger`; it is NULL for an operation that
-- binlake does not know, and `mirror` for one that another row tells of too. What another export tells is `covered` where
-- a transaction history of that time was imported that tells of the asset in the same direction: one of some assets alone
-- says nothing of the others.
CREATE OR REPLACE VIEW statement_movements AS
WITH told AS (
    SELECT
        statement_rows.* EXCLUDE (kind, wallet),
        statement_rows.kind AS export,
        statement_wallet(wallet, statement_rows.operation) AS wallet,
        CASE
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
spans AS (
    SELECT account, file, min(time) - INTERVAL 1 HOUR AS since, max(time) + INTERVAL 1 HOUR AS until
    FROM statement_rows
    WHERE kind = 'transaction_history' AND time IS NOT NULL
    GROUP BY ALL
),
histories AS (
    SELECT DISTINCT account, asset, amount > 0 AS gained, since, until
    FROM told
    JOIN spans USING (account, file)
    WHERE export = 'transaction_history' AND kind IS NOT NULL
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
    export <> 'transaction_history' AND EXISTS (
        FROM histories
        WHERE histories.account = single.account AND histories.asset = single.asset
            AND gained = (single.amount > 0) AND single.time BETWEEN since AND until
    ) AS covered
FROM single
