-- What the imported statements tell that balances changed by, each movement once, however many files tell of it: of
-- equal rows, those of the file that has most of them count, whether it prints parts of a second or the day alone. `kind`
-- is that of `ledger`; it is NULL for an operation that binlake does not know, and `mirror` for one that another row tells of
-- too. Several kinds of export tell of the same: what one tells is `covered` where a fuller one of that time was imported
-- that tells of the asset in that wallet in the same direction, by the same kind of movement or by an equal amount, as one
-- of some assets alone says nothing of the others, and one without transfers nothing of transfers. The transaction history
-- is the fullest, then that of futures, and trades. Times differ: within an hour before the first or after the last row of
-- the fuller one, and of what its rows date after its import, only what it has a row for is covered. What earn paid into a
-- wallet, distributions tell too: of equal ones that follow one another within half a day, or on the day that earn tells
-- alone and half a day after it, each of theirs covers one of earn.
CREATE OR REPLACE VIEW statement_movements AS
-- Rows are read again where they are needed, as to keep a million of them takes more than that.
WITH told AS NOT MATERIALIZED (
    SELECT
        statement_rows.* EXCLUDE (kind, wallet, raw, zone, uid, status, problem, imported_at),
        statement_rows.kind AS export,
        statement_wallet(wallet, statement_rows.operation) AS wallet,
        coalesce(days.day * 86_400, epoch_us(time) // 1_000_000) AS moment,
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
    LEFT JOIN statement_days AS days USING (file, line)
    WHERE problem IS NULL AND NOT is_receipt(asset)
),
files AS MATERIALIZED (
    SELECT
        account, kind AS export, file, min(time) AS since, max(time) AS until,
        least(max(time), max(imported_at)) AS told_until,
        CASE kind WHEN 'earn_rewards' THEN INTERVAL 14 HOURS ELSE INTERVAL 0 HOURS END AS zones_apart
    FROM statement_rows
    WHERE time IS NOT NULL
    GROUP BY ALL
),
-- Rows are told twice by files alone whose times overlap.
touching AS MATERIALIZED (
    SELECT account, file
    FROM files
    SEMI JOIN files AS other
        ON other.account = files.account AND other.export = files.export AND other.file <> files.file
        AND other.since <= files.until + files.zones_apart AND other.until >= files.since - files.zones_apart
),
surplus AS MATERIALIZED (
    SELECT account, export, wallet, moment, asset, amount, file
    FROM (
        SELECT account, export, wallet, moment, asset, amount, file, count(kind) AS known, count(*) AS rows
        FROM told
        JOIN touching USING (account, file)
        GROUP BY ALL
    )
    QUALIFY row_number() OVER (
        PARTITION BY account, export, wallet, moment, asset, amount
        ORDER BY rows DESC, known DESC, file DESC
    ) > 1
),
placed AS NOT MATERIALIZED (
    SELECT
        *,
        CASE export
            WHEN 'transaction_history' THEN 1
            WHEN 'futures_trades' THEN 3
            WHEN 'spot_orders' THEN 3
            ELSE 2
        END AS rank,
        CASE split_part(wallet, ':', 1) WHEN 'funding' THEN 'spot' ELSE split_part(wallet, ':', 1) END AS place,
        -- Money that came or left is called so by one and a deposit or a withdrawal by another.
        CASE
            WHEN kind = 'fiat' AND amount > 0 THEN 'deposit'
            WHEN kind = 'fiat' THEN 'withdrawal'
            ELSE movement_family(kind)
        END AS family
    FROM told
),
fuller AS MATERIALIZED (
    SELECT DISTINCT account, asset, place, gained, rank, since, until, told_until, families
    FROM (
        SELECT account, file, asset, place, amount > 0 AS gained, rank, list(DISTINCT family) AS families
        FROM placed
        WHERE kind IS NOT NULL AND export IN ('transaction_history', 'futures_income', 'spot_trades')
        GROUP BY ALL
    )
    JOIN files USING (account, file)
),
ranked AS MATERIALIZED (
    SELECT
        told.*, told.time BETWEEN since AND told_until AS during, during AND list_contains(families, family) AS within
    FROM placed AS told
    JOIN fuller
        ON fuller.account = told.account AND fuller.asset = told.asset AND fuller.place = told.place
        AND gained = (told.amount > 0) AND fuller.rank < told.rank
        AND told.time BETWEEN since - INTERVAL 1 HOUR AND until + INTERVAL 1 HOUR
    WHERE told.export <> 'transaction_history'
),
-- Beside it a row needs one of its own.
beside AS (
    SELECT near.file, near.line, near.leg
    FROM ranked AS near
    JOIN placed AS told
        ON told.account = near.account AND told.asset = near.asset AND told.place = near.place
        AND told.rank < near.rank AND (told.family = near.family OR (near.during AND told.kind <> 'mirror'))
        AND told.time BETWEEN near.time - INTERVAL 1 HOUR AND near.time + INTERVAL 1 HOUR
        AND (told.amount = near.amount OR (near.family = 'withdrawal' AND told.amount < near.amount))
    WHERE NOT within
),
rewards AS MATERIALIZED (
    SELECT account, export, wallet, asset, amount, time, file, line, leg
    FROM told
    ANTI JOIN surplus USING (account, export, wallet, moment, asset, amount, file)
    WHERE export IN ('earn_rewards', 'distributions')
),
apart AS (
    SELECT
        *,
        time - lag(time) OVER (PARTITION BY account, wallet, asset, amount ORDER BY time) > INTERVAL 12 HOURS AS apart
    FROM rewards
    ANTI JOIN statement_days USING (file, line)
),
stretches AS (
    SELECT *, count(*) FILTER (apart) OVER (PARTITION BY account, wallet, asset, amount ORDER BY time) AS stretch
    FROM apart
),
numbered AS MATERIALIZED (
    SELECT
        *, row_number() OVER (PARTITION BY export, account, wallet, asset, amount, stretch ORDER BY time, line) AS nth
    FROM stretches
),
-- Days of earn, and what was distributed on them; then what is left of both, half a day later.
of_day AS MATERIALIZED (
    SELECT
        *, row_number() OVER (PARTITION BY account, wallet, asset, amount, ahead_us, day ORDER BY file, line) AS nth
    FROM rewards
    JOIN statement_days USING (file, line)
),
given AS (
    SELECT *, epoch_us(time) + ahead_us AS local_us
    FROM rewards
    JOIN (SELECT DISTINCT account, ahead_us FROM of_day) USING (account)
    WHERE export = 'distributions'
),
given_that_day AS MATERIALIZED (
    SELECT
        *, local_us // 86_400_000_000 AS day,
        row_number() OVER (PARTITION BY account, wallet, asset, amount, ahead_us, day ORDER BY time, line) AS nth
    FROM given
),
late AS (
    SELECT
        * EXCLUDE (nth),
        row_number() OVER (PARTITION BY account, wallet, asset, amount, ahead_us, day ORDER BY file, line) AS nth
    FROM of_day
    ANTI JOIN given_that_day USING (account, wallet, asset, amount, ahead_us, day, nth)
),
given_later AS (
    SELECT
        * EXCLUDE (nth, day), (local_us - 43_200_000_000) // 86_400_000_000 AS day,
        row_number() OVER (
            PARTITION BY account, wallet, asset, amount, ahead_us, (local_us - 43_200_000_000) // 86_400_000_000
            ORDER BY time, line
        ) AS nth
    FROM given_that_day
    ANTI JOIN of_day USING (account, wallet, asset, amount, ahead_us, day, nth)
),
covered AS (
    SELECT file, line, leg FROM ranked WHERE within
    UNION
    FROM beside
    UNION
    SELECT file, line, leg
    FROM numbered
    SEMI JOIN (FROM numbered WHERE export = 'distributions') AS given USING (account, wallet, asset, amount, stretch, nth)
    WHERE export = 'earn_rewards'
    UNION
    SELECT file, line, leg
    FROM of_day
    SEMI JOIN given_that_day USING (account, wallet, asset, amount, ahead_us, day, nth)
    UNION
    SELECT file, line, leg
    FROM late
    SEMI JOIN given_later USING (account, wallet, asset, amount, ahead_us, day, nth)
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
    covered.line IS NOT NULL AS covered
FROM told
ANTI JOIN surplus USING (account, export, wallet, moment, asset, amount, file)
LEFT JOIN covered USING (file, line, leg)
