-- severity: warn
-- Every series that a flow pulls on a schedule is at most two periods, and the candle still open, behind.
WITH series AS (
    SELECT
        bounds.*,
        greatest(until, observed_at, absent_at) AS reached,
        -- What the exchange says there is none of is asked for again once a day; what has no address is not.
        CASE
            WHEN absent_at > coalesce(greatest(until, observed_at), '-infinity'::TIMESTAMPTZ)
                THEN CASE absent_code WHEN 0 THEN INTERVAL 100 YEARS ELSE INTERVAL 1 DAY END
            WHEN "interval" = '1M' THEN INTERVAL 1 MONTH
            -- Some wallets rest while those beside them stand still.
            ELSE to_microseconds(coalesce(rests_us, length_us, 0))
        END AS still_open
    FROM bounds
    LEFT JOIN intervals USING ("interval")
    LEFT JOIN resting_wallets USING (dataset, wallet)
    WHERE dataset NOT IN ('orders', 'fills')
    UNION ALL BY NAME
    -- What is walked by id has no instant that it reaches; it is as fresh as its last whole run.
    SELECT dataset, market, account, max(ended) AS reached, INTERVAL 0 SECONDS AS still_open
    FROM runs
    WHERE outcome = 'done' AND dataset IN ('orders', 'fills')
    GROUP BY ALL
),
-- What was delisted has nothing new to bring.
ended AS (
    SELECT DISTINCT dataset, market, symbol, "interval"
    FROM gaps
    WHERE reason = 'delisted' AND until IS NULL
)
SELECT
    flow,
    flow_schedules.dataset,
    flow_schedules.market,
    flow_schedules.account,
    coalesce(flow_schedules.symbol, series.symbol) AS symbol,
    coalesce(flow_schedules."interval", series."interval") AS "interval",
    series.reached,
    (epoch_us(getvariable('checked_at')) - epoch_us(series.reached)) // 1000000 AS late_s
FROM flow_schedules
LEFT JOIN series
    ON flow_schedules.dataset = series.dataset
    AND flow_schedules.market IS NOT DISTINCT FROM series.market
    AND flow_schedules.account IS NOT DISTINCT FROM series.account
    -- A schedule without a symbol or an interval speaks of all.
    AND coalesce(flow_schedules.symbol = series.symbol, flow_schedules.symbol IS NULL)
    AND coalesce(flow_schedules."interval" = series."interval", flow_schedules."interval" IS NULL)
ANTI JOIN ended
    ON series.dataset = ended.dataset
    AND series.market = ended.market
    AND series.symbol = ended.symbol
    AND series."interval" = ended."interval"
WHERE series.reached IS NULL
    OR series.reached + to_seconds(2 * every_s) + series.still_open < getvariable('checked_at')
ORDER BY ALL
