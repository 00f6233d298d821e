-- `bars(market, symbol, kind, size)`: bars made of aggregates of trades. A bar of kind `time` has `size` seconds, one of
-- `tick` begins with each `size` trades, one of `volume` with each `size` of the base asset, one of `dollar` with each
-- `size` of the quote asset; a row that reaches beyond a bar stays whole in it. Bars are counted from `since_`, or the
-- first stored row, on; `dataset_ := 'trades'` takes single trades. `FROM bars('spot', 'BTCUSDT', 'time', 1,
-- since_ := '2026-10-01', until_ := '2026-10-02')` reads the files of one day. `complete` says that every id is there
-- from the bar before to the bar after; the last bar, and the first of kind `time`, may go on outside of the answer.
CREATE OR REPLACE MACRO bars(
    market_, symbol_, kind_, size_, since_ := NULL, until_ := NULL, dataset_ := 'agg_trades'
) AS TABLE
-- Sizes are in units of 1e-8, as whole numbers are divided exactly.
WITH asked AS (
    SELECT
        coalesce(since_::TIMESTAMPTZ, '-infinity'::TIMESTAMPTZ) AS since,
        coalesce(until_::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ) AS until,
        nullif((size_::DECIMAL(28, 8) * 100000000)::HUGEINT, 0) AS size
),
-- Why the question is refused, if it is; it stands apart from the rows, as it is asked once.
refusal AS (
    SELECT CASE
        WHEN coalesce(kind_, '') NOT IN ('time', 'tick', 'volume', 'dollar')
            THEN format('unknown kind of bars {}: time, tick, volume or dollar', coalesce(kind_, 'NULL'))
        WHEN coalesce(dataset_, '') NOT IN ('agg_trades', 'trades')
            THEN format('bars are made of agg_trades or trades, not of {}', coalesce(dataset_, 'NULL'))
        WHEN coalesce(size_::DECIMAL(28, 8), 0) <= 0 THEN 'the size of a bar is above zero'
        WHEN kind_ = 'tick' AND size_::DECIMAL(28, 8) % 1 <> 0 THEN 'a bar of ticks has a whole number of trades'
        WHEN NOT (
            SELECT coalesce(bool_or(market = market_ AND symbol = symbol_), FALSE) FROM bounds WHERE dataset = dataset_
        )
            THEN format(
                'the lake has no {} of {} on {}; the view coverage says what it has',
                dataset_, coalesce(symbol_, 'NULL'), coalesce(market_, 'NULL')
            )
    END AS reason
),
ticks AS (
    SELECT
        agg_trade_id AS id,
        price,
        qty,
        last_trade_id - first_trade_id + 1 AS trades,
        time,
        is_buyer_maker
    FROM agg_trades
    WHERE dataset_ = 'agg_trades' AND market = market_ AND symbol = symbol_
        AND date >= coalesce(strftime(since_::TIMESTAMPTZ, '%Y-%m-%d'), '')
        AND date <= coalesce(strftime(until_::TIMESTAMPTZ, '%Y-%m-%d'), '9')
    UNION ALL
    SELECT trade_id, price, qty, 1, time, is_buyer_maker
    FROM trades
    WHERE dataset_ = 'trades' AND market = market_ AND symbol = symbol_
        AND date >= coalesce(strftime(since_::TIMESTAMPTZ, '%Y-%m-%d'), '')
        AND date <= coalesce(strftime(until_::TIMESTAMPTZ, '%Y-%m-%d'), '9')
),
wanted AS (
    SELECT ticks.*, size
    FROM ticks, asked
    WHERE time >= since AND time < until
),
-- The number of the bar that a row belongs to: by its instant, or by how much came before it.
numbered AS (
    SELECT *, epoch_us(time) * 100 // size::BIGINT AS bar
    FROM wanted
    WHERE kind_ = 'time'
    UNION ALL
    SELECT * EXCLUDE (before), ((before::DECIMAL(38, 8) * 100000000)::HUGEINT // size)::BIGINT
    FROM (
        SELECT
            *,
            coalesce(
                sum(CASE kind_ WHEN 'tick' THEN trades::DECIMAL(38, 8) WHEN 'volume' THEN qty ELSE price * qty END)
                    OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                0
            ) AS before
        FROM wanted
        WHERE kind_ <> 'time'
    )
),
bars AS (
    SELECT
        market_ AS market,
        symbol_ AS symbol,
        CASE kind_ WHEN 'time' THEN make_timestamptz((any_value(bar)::HUGEINT * any_value(size) // 100)::BIGINT) ELSE min(time) END
            AS open_time,
        arg_min(price, id) AS open,
        max(price) AS high,
        min(price) AS low,
        arg_max(price, id) AS close,
        sum(qty) AS volume,
        max(time) AS last_time,
        sum(price * qty) AS quote_volume,
        sum(trades)::BIGINT AS trade_count,
        coalesce(sum(qty) FILTER (NOT is_buyer_maker), 0) AS taker_buy_volume,
        min(id) AS first_id,
        max(id) AS last_id,
        count(*) AS rows
    FROM numbered
    GROUP BY bar
)
SELECT
    * EXCLUDE (rows),
    rows = last_id - first_id + 1
        AND coalesce(lag(last_id) OVER (ORDER BY first_id) = first_id - 1, kind_ <> 'time')
        AND coalesce(lead(first_id) OVER (ORDER BY first_id) = last_id + 1, FALSE) AS complete
FROM bars
UNION ALL BY NAME
SELECT NULL AS market
FROM refusal
WHERE CASE WHEN reason IS NOT NULL THEN error(reason)::BOOLEAN ELSE FALSE END
ORDER BY first_id
