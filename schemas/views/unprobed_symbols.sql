-- The spot symbols of each asset that an account was never asked about, although its fills are pulled.
CREATE OR REPLACE VIEW unprobed_symbols AS
WITH asked AS (
    SELECT account, symbol
    FROM bounds
    WHERE dataset = 'fills' AND market = 'spot'
        AND (probed_at IS NOT NULL OR until_id IS NOT NULL OR epoch_us(gone_at) > 0)
),
listed AS (
    SELECT account, symbol, unnest([base_asset, quote_asset]) AS asset
    FROM symbols
    CROSS JOIN (SELECT DISTINCT account FROM asked)
    WHERE market = 'spot' AND gone_since IS NULL
)
SELECT account, asset, list(symbol ORDER BY symbol) AS symbols
FROM listed
ANTI JOIN asked USING (account, symbol)
GROUP BY ALL
