-- wallets: margin_debt
-- The debt that is paid off; `margin_flows` tells what was paid for it, as SMALL_CONVERT.
SELECT
    account,
    'margin_debt' AS wallet,
    asset,
    timestamp AS time,
    amount,
    'repay' AS kind,
    concat_ws('/', asset, target_asset, epoch_ms(timestamp), ordinal) AS key,
    NULL AS note
FROM small_liabilities
WHERE gone_since IS NULL
