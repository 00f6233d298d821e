-- The wallet that a statement means by the name of an account, whose spelling changes from year to year; simple earn is
-- two wallets, of which the operation tells. Isolated margin is named without its pair.
CREATE OR REPLACE MACRO statement_wallet(name, operation) AS CASE regexp_replace(lower(name), '[^a-z0-9]', '', 'g')
    WHEN 'spot' THEN 'spot'
    WHEN 'fiatandspot' THEN 'spot'
    WHEN 'funding' THEN 'funding'
    WHEN 'p2p' THEN 'funding'
    WHEN 'earn'
        THEN CASE
            WHEN operation ILIKE '%locked%' OR operation ILIKE '%staking%' THEN 'earn_locked'
            ELSE 'earn_flexible'
        END
    WHEN 'savings' THEN 'earn_flexible'
    WHEN 'usdtfutures' THEN 'usdm'
    WHEN 'usdmfutures' THEN 'usdm'
    WHEN 'usdfutures' THEN 'usdm'
    WHEN 'coinmfutures' THEN 'coinm'
    WHEN 'crossmargin' THEN 'margin'
    WHEN 'isolatedmargin' THEN 'isolated_margin'
    ELSE lower(name)
END
