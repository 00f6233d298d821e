-- The pairs by which assets are valued: every spot symbol, and every pair of assets of which `rates` has a rate.
CREATE OR REPLACE VIEW priced_pairs AS
SELECT symbol, base_asset, quote_asset, false AS is_rate FROM symbols WHERE market = 'spot'
UNION ALL
SELECT format('{}/{} in {}', base_asset, quote_asset, arg_max(file, time)), base_asset, quote_asset, true
FROM rates
GROUP BY base_asset, quote_asset
