-- wallets: spot
-- Fees paid back, of which `dividends` may tell as well: those of a day that it tells of are not counted again.
WITH paid AS (
    SELECT
        *,
        update_time::DATE AS day,
        row_number() OVER (PARTITION BY account, asset, amount, update_time::DATE ORDER BY update_time, ordinal) AS nth
    FROM rebates
    WHERE gone_since IS NULL
)
SELECT
    account,
    'spot' AS wallet,
    asset,
    update_time AS time,
    amount,
    'rebate' AS kind,
    concat_ws('/', asset, type, epoch_us(update_time), ordinal) AS key,
    'only rebates tells of it' AS note
FROM paid
LEFT JOIN distributions_by_day USING (account, asset, amount, day)
WHERE nth > coalesce(times, 0)
