-- Whether each change of a balance is the sum of the movements between two snapshots: `residual` is what is left of the
-- change, `explained` when that is zero. It is `not_comparable` where a ledger of the wallet does not reach over the
-- interval and no imported statement tells of it (`statement_reach`), a symbol of the asset was never asked about, a list
-- does not say how much was moved (`amount_unknown`), or a statement has an operation that nobody knows; else
-- `unexplained`. `causes` is a JSON list of guesses, which change no number. A movement within five seconds of a
-- snapshot counts on that side of it on which the intervals before and after add up (`in_flight`). Before the first
-- snapshot, `since` is NULL.
CREATE OR REPLACE VIEW reconciliation AS
WITH changes AS MATERIALIZED (
    FROM balance_changes
),
-- Of all other assets every interval adds up by itself.
doubtful AS (
    SELECT DISTINCT account, wallet, asset FROM changes WHERE observed <> expected
),
summed AS (
    SELECT
        *,
        observed - expected AS raw,
        sum(observed - expected) OVER history AS left_over,
        lead(since) OVER history = until AS followed,
        list_reverse(list_sort(ending)) AS before,
        list_sort(lead(starting) OVER history) AS after
    FROM changes
    SEMI JOIN doubtful USING (account, wallet, asset)
    WINDOW history AS (PARTITION BY account, wallet, asset ORDER BY until)
),
-- What else would be left over up to here, were the last movements before the snapshot after it, or the first ones
-- after it before it.
placeable AS (
    SELECT
        * EXCLUDE (starting, ending, before, after, followed),
        list_concat(
            [left_over + list_sum([each.amount for each in before[1:n]]) for n in range(1, len(before) + 1)],
            CASE WHEN followed
                THEN [left_over - list_sum([each.amount for each in after[1:n]]) for n in range(1, len(after) + 1)]
            END
        ) AS places
    FROM summed
),
neighbours AS (
    SELECT
        *,
        lag(left_over) OVER history AS left_over_before,
        lag(places) OVER history AS places_before,
        lead(left_over) OVER history AS left_over_after,
        lead(places) OVER history AS places_after
    FROM placeable
    WINDOW history AS (PARTITION BY account, wallet, asset ORDER BY until)
),
placed AS (
    SELECT
        *,
        CASE
            WHEN len(places) > 0
                THEN coalesce([
                    place for place in list_prepend(left_over, places)
                    if (left_over_before IS NULL OR coalesce(list_contains(places_before, place), false)
                        OR left_over_before = place)
                    AND (left_over_after IS NULL OR coalesce(list_contains(places_after, place), false)
                        OR left_over_after = place)
                ][1], left_over)
            ELSE left_over
        END AS place
    FROM neighbours
),
compared AS (
    SELECT
        account,
        wallet,
        asset,
        since,
        until,
        balance_before,
        balance_after,
        observed,
        place - coalesce(lag(place) OVER history, 0) AS residual,
        raw <> residual AS in_flight
    FROM placed
    WINDOW history AS (PARTITION BY account, wallet, asset ORDER BY until)
    UNION ALL BY NAME
    SELECT * EXCLUDE (expected, starting, ending), 0 AS residual, false AS in_flight
    FROM changes
    ANTI JOIN doubtful USING (account, wallet, asset)
),
reach AS (
    SELECT account, wallet AS wallet_kind, list(ledger_reach) AS ledgers FROM ledger_reach GROUP BY ALL
),
strange AS (
    SELECT account, list(unknown_states) AS strange FROM unknown_states GROUP BY ALL
),
stated AS (
    SELECT account, wallet, asset, list({'since': since, 'until': until}) AS stated FROM statement_reach GROUP BY ALL
),
strange_operations AS (
    SELECT account, wallet, asset, list({'time': time, 'operation': operation}) AS strange_operations
    FROM statement_movements
    WHERE kind IS NULL
    GROUP BY ALL
),
told AS (
    SELECT account, wallet, asset, list(witnesses) AS told FROM witnesses WHERE NOT matched GROUP BY ALL
),
untold AS (
    SELECT account, wallet, asset, list(unmeasured_movements) AS untold FROM unmeasured_movements GROUP BY ALL
),
gone AS (
    SELECT account, wallet, asset, list(no_longer_returned) AS gone FROM no_longer_returned GROUP BY ALL
),
ended AS (
    SELECT base_asset AS asset, list({'symbol': symbol, 'gone_since': gone_since}) AS ended
    FROM symbols
    WHERE gone_since IS NOT NULL
    GROUP BY ALL
),
-- What the API tells of a coin that was swapped or renamed: the new one is distributed. The old one's end is in no list.
swapped AS (
    SELECT account, list({'time': div_time, 'named': format('{} gave {}', dividend_id, asset)}) AS swaps
    FROM dividends
    WHERE regexp_matches(en_info, 'token swap|redenominat|rebrand|delist|migrat|consolidat', 'i')
    GROUP BY ALL
),
-- Before the first snapshot, movements are wanted since the exchange opened, and all count.
unequal AS (
    SELECT
        *,
        coalesce(since, TIMESTAMPTZ '2017-07-01 00:00:00+00') AS wanted_since,
        coalesce(since, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS counts_after
    FROM compared
    WHERE residual <> 0
),
guessed AS (
    SELECT
        compared.*,
        [each.dataset for each in ledgers
            if (each.until IS NULL OR each.since > compared.wanted_since)
                AND NOT within_one(stated, compared.wanted_since, least(each.since, compared.until))]
            AS not_pulled,
        [each.dataset for each in ledgers if each.until < compared.until] AS behind,
        [each.dataset for each in ledgers if each.until < compared.until + each.settles] AS late,
        [each.dataset for each in ledgers
            if len([1 for part in each.lost
                if part.since < compared.until AND part.until > coalesce(compared.since, part.since)
                    AND NOT within_one(
                        stated, greatest(part.since, compared.since), least(part.until, compared.until)
                    )]) > 0]
            AS not_retained,
        list_distinct([each.operation for each in strange_operations
            if each.time > compared.counts_after AND each.time <= compared.until])
            AS unknown_statement_operation,
        CASE WHEN compared.wallet = 'spot' THEN symbols[1:5] END AS symbol_never_probed,
        [format('{} ({})', each.dataset, each.absent_code) for each in ledgers
            if each.absent_code IS NOT NULL] AS not_readable,
        [concat(each.dataset, ' ', each.key, ' ', each.state) for each in strange
            if each.time > compared.counts_after AND each.time <= compared.until
                AND (len(each.assets) = 0 OR list_contains(each.assets, compared.asset))] AS unknown_state,
        [concat(each.dataset, ' ', each.key) for each in told
            if NOT each.closed AND each.time > compared.counts_after AND each.time <= compared.until] AS owner_pending,
        [concat(each.dataset, ' ', each.key) for each in told
            if each.closed AND each.time > compared.counts_after AND each.time <= compared.until] AS only_witness,
        [concat(each.dataset, ' ', each.key) for each in untold
            if each.since <= compared.until AND each.until > coalesce(compared.since, each.since)] AS amount_unknown,
        [concat(
            each.dataset, ' ', each.key,
            CASE WHEN each.counted THEN ' (counted' ELSE ' (not counted' END,
            CASE
                WHEN each.counted AND residual = -each.amount THEN ': without it this adds up)'
                WHEN NOT each.counted AND residual = each.amount THEN ': with it this adds up)'
                ELSE ')'
            END
        ) for each in gone
            if each.time > compared.counts_after AND each.time <= compared.until] AS no_longer_returned,
        list_concat(
            [each.symbol for each in ended
                if each.gone_since <= compared.until AND each.gone_since > compared.since],
            [concat('dividends ', each.named) for each in swaps
                if residual < 0 AND each.time <= compared.until + INTERVAL 7 DAYS
                    AND each.time > compared.since - INTERVAL 7 DAYS]
        ) AS asset_event
    FROM unequal AS compared
    LEFT JOIN reach ON reach.account = compared.account AND wallet_kind = split_part(compared.wallet, ':', 1)
    LEFT JOIN stated
        ON stated.account = compared.account AND stated.wallet = compared.wallet AND stated.asset = compared.asset
    LEFT JOIN strange_operations
        ON strange_operations.account = compared.account AND strange_operations.wallet = compared.wallet
        AND strange_operations.asset = compared.asset
    LEFT JOIN told
        ON told.account = compared.account AND told.wallet = compared.wallet AND told.asset = compared.asset
    LEFT JOIN untold
        ON untold.account = compared.account AND untold.wallet = compared.wallet AND untold.asset = compared.asset
    LEFT JOIN gone
        ON gone.account = compared.account AND gone.wallet = compared.wallet AND gone.asset = compared.asset
    LEFT JOIN strange ON strange.account = compared.account
    LEFT JOIN ended ON ended.asset = compared.asset
    LEFT JOIN swapped ON swapped.account = compared.account
    LEFT JOIN unprobed_symbols
        ON unprobed_symbols.account = compared.account AND unprobed_symbols.asset = compared.asset
),
caused AS (
    SELECT
        *,
        [each for each in [
            {'cause': 'not_pulled', 'names': not_pulled},
            {'cause': 'not_readable', 'names': not_readable},
            {'cause': 'not_retained', 'names': not_retained},
            {'cause': 'late', 'names': late},
            {'cause': 'symbol_never_probed', 'names': symbol_never_probed},
            {'cause': 'owner_pending', 'names': owner_pending},
            {'cause': 'only_witness', 'names': only_witness},
            {'cause': 'unknown_statement_operation', 'names': unknown_statement_operation},
            {'cause': 'no_longer_returned', 'names': guessed.no_longer_returned},
            {'cause': 'unknown_state', 'names': unknown_state},
            {'cause': 'amount_unknown', 'names': amount_unknown},
            {'cause': 'asset_event', 'names': asset_event}
        ] if len(each.names) > 0] AS causes
    FROM guessed
)
SELECT
    account,
    wallet,
    asset,
    since,
    until,
    balance_before,
    balance_after,
    observed,
    observed - residual AS expected,
    residual,
    CASE
        WHEN len(not_pulled) + len(behind) + len(not_retained) + len(coalesce(symbol_never_probed, []))
            + len(coalesce(owner_pending, [])) + len(coalesce(amount_unknown, []))
            + len(coalesce(unknown_statement_operation, [])) > 0
            THEN 'not_comparable'
        ELSE 'unexplained'
    END AS status,
    CASE WHEN len(causes) > 0 THEN to_json(causes) ELSE '[{"cause":"none_known","names":[]}]' END::VARCHAR AS causes
FROM caused
UNION ALL
SELECT
    account,
    wallet,
    asset,
    since,
    until,
    balance_before,
    balance_after,
    observed,
    observed AS expected,
    residual,
    'explained' AS status,
    CASE WHEN in_flight THEN '[{"cause":"in_flight","names":[]}]' ELSE '[]' END AS causes
FROM compared
WHERE residual = 0
