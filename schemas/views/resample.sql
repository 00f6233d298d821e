-- `resample(market, symbol, from, to)`: coarser candles out of finer ones, such as 1h out of 1m; `complete` says that
-- every finer candle of the bucket is there; else one is not pulled yet, or was never printed, and then `gaps` has it.
-- `dataset_ := 'mark_klines'` takes candles of another kind than `klines`.
CREATE OR REPLACE MACRO resample(market_, symbol_, from_, to_, dataset_ := 'klines') AS TABLE
WITH fitting AS (
    SELECT
        finer.length_us AS finer_us,
        coarser.length_us AS coarser_us,
        coalesce(grids.anchor_us, coarser.anchor_us) AS anchor_us
    FROM intervals AS finer
    JOIN intervals AS coarser ON coarser.length_us > finer.length_us
    LEFT JOIN grids ON grids."interval" = coarser."interval" AND dataset = dataset_ AND market = market_
        AND symbol = symbol_
    WHERE finer."interval" = from_
        AND coarser."interval" = to_
        -- A month is made of days, whatever its nominal length.
        AND CASE to_ WHEN '1M' THEN 86400000000 ELSE coarser.length_us END % finer.length_us = 0
),
-- What is wrong with the question, which no candle may ever meet.
wrong AS (
    SELECT CASE
        WHEN NOT EXISTS (FROM fitting)
            THEN format(
                '{} candles cannot be built out of {} candles', coalesce(to_, 'NULL'), coalesce(from_, 'NULL')
            )
        WHEN NOT (
            SELECT coalesce(
                bool_or(dataset = dataset_ AND market = market_ AND symbol = symbol_ AND "interval" = from_), FALSE
            )
            FROM bounds
            WHERE "interval" IS NOT NULL
        )
            THEN format(
                'the lake has no {} of {} on {} of {}; the view coverage says what it has',
                coalesce(dataset_, 'NULL'), coalesce(symbol_, 'NULL'), coalesce(market_, 'NULL'), from_
            )
    END AS sentence
),
bucketed AS (
    SELECT all_candles.*, fitting.*, bucket(open_time, to_, coarser_us, anchor_us) AS bucket_start
    FROM all_candles, fitting
    WHERE dataset = dataset_ AND market = market_ AND symbol = symbol_ AND "interval" = from_
),
buckets AS (
    SELECT
        bucket_start,
        bucket_start + CASE to_ WHEN '1M' THEN INTERVAL 1 MONTH ELSE to_microseconds(coarser_us) END AS bucket_end,
        finer_us,
        arg_min(open, open_time) AS open,
        max(high) AS high,
        min(low) AS low,
        arg_max(close, open_time) AS close,
        sum(volume) AS volume,
        sum(quote_volume) AS quote_volume,
        sum(trade_count)::BIGINT AS trade_count,
        sum(taker_buy_volume) AS taker_buy_volume,
        sum(taker_buy_quote_volume) AS taker_buy_quote_volume,
        count(*) FILTER (epoch_us(open_time) % finer_us = 0) AS candles
    FROM bucketed
    GROUP BY bucket_start, bucket_end, finer_us
)
SELECT
    market_ AS market,
    symbol_ AS symbol,
    to_ AS "interval",
    bucket_start AS open_time,
    open,
    high,
    low,
    close,
    volume,
    bucket_end - INTERVAL 1 MILLISECOND AS close_time,
    quote_volume,
    trade_count,
    taker_buy_volume,
    taker_buy_quote_volume,
    candles = (epoch_us(bucket_end) - epoch_us(bucket_start)) // finer_us AS complete
FROM buckets
UNION ALL BY NAME
SELECT NULL AS market
FROM wrong
WHERE CASE WHEN sentence IS NOT NULL THEN error(sentence)::BOOLEAN ELSE FALSE END
ORDER BY open_time
