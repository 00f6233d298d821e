-- `tax_events(quote)`: every acquisition and disposal of an asset, valued in a quote asset, which itself is money and
-- has none. Both sides of a trade have one value: what was paid or received where that is the quote asset, else what
-- was given, else what was received, at the close of the candle of that minute, or where the lake does not hold it, of
-- that day. `event` is `acquired` or `disposed`, and `received` or `sent` for what came from outside or left: that is
-- no gain, and what is received costs what it was worth then. A coin in a product of earn stays the account's own,
-- which is no event. A fee is disposed of at its value; `net_value` is `value` and the fees of the trade (`fee_value`):
-- more for what was acquired, or else less for what was disposed of. `candles` is the longest interval of the candles
-- that `value` comes from and `path` names their pairs; what was paid or received in the quote asset needs none. Where
-- there is no value it is NULL, and `why` says so. Values are derived: computed as DOUBLE where a price is needed, and
-- rounded once.
CREATE OR REPLACE MACRO tax_events(quote) AS TABLE
WITH legs AS MATERIALIZED (
    SELECT *, asset = quote AS is_money, abs(value) AS worth
    FROM valued_events(quote)
),
sides AS (
    SELECT
        *,
        sum(worth) OVER side AS side_worth,
        count(*) OVER side AS side_legs,
        count(worth) OVER side AS side_known,
        min(candles) OVER side AS side_candles, -- as text, a day comes before a minute
        flatten(list(path) OVER side) AS side_path
    FROM legs
    WINDOW side AS (PARTITION BY account, dataset, key, part, amount > 0)
),
sums AS (
    SELECT
        account,
        dataset,
        key,
        sum(worth) FILTER (is_money AND part = 'trade' AND side_legs = 1) AS paid,
        CASE WHEN bool_and(worth IS NOT NULL) FILTER (amount < 0 AND part = 'trade')
            THEN sum(worth) FILTER (amount < 0 AND part = 'trade') END AS given,
        CASE WHEN bool_and(worth IS NOT NULL) FILTER (amount > 0 AND part = 'trade')
            THEN sum(worth) FILTER (amount > 0 AND part = 'trade') END AS got,
        min(candles) FILTER (amount < 0 AND part = 'trade') AS given_candles,
        flatten(list(path) FILTER (amount < 0 AND part = 'trade')) AS given_path,
        min(candles) FILTER (amount > 0 AND part = 'trade') AS got_candles,
        flatten(list(path) FILTER (amount > 0 AND part = 'trade')) AS got_path,
        coalesce(bool_and(worth IS NOT NULL) FILTER (part = 'fee'), true) AS fees_known,
        coalesce(sum(-sign(amount) * worth) FILTER (part = 'fee'), 0) AS fees,
        coalesce(bool_or(amount > 0 AND NOT is_money) FILTER (part = 'trade'), false) AS acquires
    FROM sides
    GROUP BY ALL
),
rated AS (
    SELECT
        sides.* EXCLUDE (value, candles, path, side_candles, side_path),
        CASE
            WHEN part <> 'trade' THEN candles
            ELSE least(
                CASE WHEN side_legs > 1 THEN side_candles END,
                CASE WHEN paid IS NOT NULL THEN NULL WHEN given IS NOT NULL THEN given_candles ELSE got_candles END
            )
        END AS candles,
        CASE
            WHEN part <> 'trade' THEN path
            ELSE list_concat(
                CASE WHEN paid IS NOT NULL THEN NULL WHEN given IS NOT NULL THEN given_path ELSE got_path END,
                CASE WHEN side_legs > 1 THEN side_path END
            )
        END AS path,
        fees_known,
        fees,
        CASE
            WHEN part <> 'trade' THEN worth
            WHEN side_legs = 1 THEN coalesce(paid, given, got)
            WHEN side_legs = side_known THEN (coalesce(paid, given, got) * (worth / side_worth))::DECIMAL(38, 12)
        END AS value,
        part = 'trade' AND acquires = (amount > 0) AS bears_fees,
        CASE WHEN side_legs > 1 THEN worth / side_worth ELSE 1 END AS share
    FROM sides
    JOIN sums USING (account, dataset, key)
    WHERE NOT is_money AND NOT (part = 'transfer' AND kind IN ('earn_in', 'earn_out'))
)
SELECT
    account,
    asset,
    time,
    CASE
        WHEN part = 'transfer' THEN CASE WHEN amount > 0 THEN 'received' ELSE 'sent' END
        ELSE CASE WHEN amount > 0 THEN 'acquired' ELSE 'disposed' END
    END AS event,
    kind,
    abs(amount) AS qty,
    quote AS quote_asset,
    value::DECIMAL(38, 8) AS value,
    (CASE WHEN NOT bears_fees THEN 0 WHEN share = 1 THEN fees WHEN fees_known THEN fees * share END)::DECIMAL(38, 8)
        AS fee_value,
    CASE WHEN fees_known OR NOT bears_fees THEN value::DECIMAL(38, 8) + CASE WHEN amount > 0 THEN fee_value ELSE -fee_value END END
        AS net_value,
    CASE WHEN value IS NOT NULL THEN candles END AS candles,
    CASE WHEN value IS NOT NULL AND candles IS NOT NULL
        THEN list_filter(path, lambda name, place: list_position(path, name) = place) END AS path,
    CASE
        WHEN value IS NULL
            THEN format('no candle of that minute or day leads from {} to {}', asset, quote)
        WHEN bears_fees AND NOT fees_known THEN 'the value of its fee is not known'
    END AS why,
    dataset,
    key
FROM rated
