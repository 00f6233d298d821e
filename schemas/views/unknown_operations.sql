-- Operations of imported statements that binlake does not know, by the file that has them: they move nothing in `ledger`.
CREATE OR REPLACE VIEW unknown_operations AS
SELECT
    account,
    file,
    statement_rows.operation,
    count(*) AS rows,
    min(time) AS first,
    max(time) AS last
FROM statement_rows
ANTI JOIN statement_operations ON statement_operations.operation = lower(statement_rows.operation)
WHERE kind = 'transaction_history'
GROUP BY ALL
