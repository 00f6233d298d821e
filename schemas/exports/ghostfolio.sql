-- ghostfolio's activities: what was acquired and disposed of, valued in USDT, which is taken for US dollars. What has no
-- value is left out. A price is a quotient, to as many digits as a DOUBLE has.
SELECT
    strftime(time, '%Y-%m-%dT%H:%M:%S.000Z') AS "Date",
    concat(asset, 'USD') AS "Code",
    'YAHOO' AS "DataSource",
    'USD' AS "Currency",
    CASE WHEN value < qty THEN (value / qty)::DECIMAL(38, 15) ELSE (value / qty)::DECIMAL(38, 8)::DECIMAL(38, 15) END
        AS "Price",
    qty AS "Quantity",
    CASE WHEN event IN ('acquired', 'received') THEN 'BUY' ELSE 'SELL' END AS "Action",
    fee_value AS "Fee",
    concat(dataset, '/', key) AS "Note"
FROM tax_events('USDT')
WHERE account = coalesce(getvariable('exported_account'), account) AND value IS NOT NULL
ORDER BY time, dataset, key, asset, kind
