"""The query that holds what imported statements tell against what the exchange's API told, one to one.

Equal movements are paired in rounds, the nearest first: within a stretch of time, as many as both sides have. Then what
the API tells in parts is compared as a sum, and what is left as different amounts of the same. Of rewards that a
statement tells by the day, the day has to agree; an equal one of the day after may be the same, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.model.grid import DAY_US

# Fills and what futures book carry the second of the statement; of all else the two may tell hours apart.
_AT_ONCE = ("trade", "fee", "realized_pnl", "funding", "liquidation")
_NEAR_US = (2_000_000, 60_000_000)  # how far apart the two usually tell of one movement: those kinds, and all other
_FAR_US = (20_000_000, 10_800_000_000)  # and at most

# What a statement tells is known by the number of its file, its line and its leg; what the API tells by its own number
# and by its side: one for each place, asset and export, as a movement may stand in several exports, each of which has
# it once. Numbers are narrow: a million rows take little memory. DuckDB takes what is unnested for few rows, rightly.
_HEAD = """WITH files AS MATERIALIZED (
    SELECT file, file_name, row_number() OVER (ORDER BY file) AS file_number
    FROM (
        SELECT unnest(list(DISTINCT struct_pack(file := file, file_name := file_name)), recursive := true)
        FROM statement_rows
    )
),
moved AS MATERIALIZED (
    SELECT
        account, export, wallet, asset, time, amount, kind, operation, covered, file_number, day,
        coalesce(ahead_us, 0) AS ahead_us, file_number * 1_000_000_000_000 + line * 10 + leg AS told_id
    FROM statement_movements
    JOIN files USING (file)
    LEFT JOIN statement_days USING (file, line)
    WHERE kind <> 'mirror' AND amount <> 0
),
api_all AS MATERIALIZED (
    SELECT
        row_number() OVER () AS number, account, split_part(wallet, ':', 1) AS place, asset, time, amount,
        kind IN {at_once} AS at_once, movement_family(kind) AS family, dataset, key
    FROM api_movements
),
known AS MATERIALIZED (
    SELECT account, min(time) - INTERVAL 38 HOURS AS known_since, max(time) + INTERVAL 14 HOURS AS known_until
    FROM api_all
    GROUP BY ALL
),
sides AS MATERIALIZED (
    SELECT row_number() OVER () AS side, *
    FROM (
        SELECT
            account, kind AS export, split_part(statement_wallet(wallet, operation), ':', 1) AS place, asset,
            day IS NOT NULL AS of_days, coalesce(ahead_us, 0) AS ahead_us, known_since, known_until,
            min(time) - INTERVAL 14 HOURS AS since, max(time) + INTERVAL 62 HOURS AS until
        FROM statement_rows
        LEFT JOIN statement_days USING (file, line)
        JOIN known USING (account)
        WHERE time BETWEEN known_since AND known_until AND problem IS NULL
        GROUP BY ALL
    )
),
told_0 AS MATERIALIZED (
    SELECT
        told_id, side, time, amount, kind IN {at_once} AS at_once, movement_family(kind) AS family, moved.day
    FROM moved
    JOIN sides
        ON sides.account = moved.account AND sides.export = moved.export AND sides.asset = moved.asset
        AND place = split_part(wallet, ':', 1) AND sides.of_days = (day IS NOT NULL)
        AND sides.ahead_us = moved.ahead_us
    WHERE time BETWEEN known_since AND known_until
),
api_0 AS MATERIALIZED (
    SELECT
        number * 1_000_000 + side AS api_id, side, time, amount, at_once, family,
        CASE WHEN of_days THEN (epoch_us(time) + ahead_us) // {day_us} END AS day
    FROM api_all
    JOIN sides USING (account, place, asset)
    WHERE time BETWEEN since AND until
),
"""
_ROUND = """pairs_{n} AS MATERIALIZED (
    SELECT told_id, api_id
    FROM (
        SELECT
            side, amount, told_id, {bucket} AS bucket,
            row_number() OVER (PARTITION BY side, amount, {bucket} ORDER BY time, told_id) AS nth
        FROM told_{before}
    )
    JOIN (
        SELECT
            side, amount, api_id, {bucket} AS bucket,
            row_number() OVER (PARTITION BY side, amount, {bucket} ORDER BY time, api_id) AS nth
        FROM api_{before}
    ) USING (side, amount, bucket, nth)
),
told_{n} AS MATERIALIZED (FROM told_{before} ANTI JOIN pairs_{n} USING (told_id)),
api_{n} AS MATERIALIZED (FROM api_{before} ANTI JOIN pairs_{n} USING (api_id)),
"""
# What the API tells in parts, such as a withdrawal and its fee, counts as one where no part has a partner.
_SUMS = """parts AS MATERIALIZED (
    SELECT
        side, dataset, key, min(rest.time) AS time, sum(rest.amount)::DECIMAL(38, 12) AS amount, min(api_id) AS api_id,
        list(api_id) AS api_ids, any_value(rest.family) AS family, false AS at_once, any_value(day) AS day
    FROM api_{before} AS rest
    SEMI JOIN told_{before} USING (side)
    JOIN api_all ON number = api_id // 1_000_000
    GROUP BY ALL
    HAVING count(*) > 1
),
told_0s AS (FROM told_{before}),
api_0s AS (FROM parts),
"""
_REST = """api_0g AS MATERIALIZED (
    FROM api_{singly}
    ANTI JOIN (SELECT unnest(api_ids) AS api_id FROM parts ANTI JOIN api_{before} USING (api_id)) USING (api_id)
),
told_0g AS (FROM told_{before}),
"""
_GROUPS = """groups_{n} AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT side, family, {bucket} AS bucket, sum(amount) AS amount, list(told_id) AS told_ids
        FROM told_{before}
        GROUP BY ALL
    )
    JOIN (
        SELECT side, family, {bucket} AS bucket, sum(amount) AS amount, list(api_id) AS api_ids
        FROM api_{before}
        GROUP BY ALL
    ) USING (side, family, bucket, amount)
),
told_{n} AS MATERIALIZED (
    FROM told_{before} ANTI JOIN (SELECT unnest(told_ids) AS told_id FROM groups_{n}) USING (told_id)
),
api_{n} AS MATERIALIZED (
    FROM api_{before} ANTI JOIN (SELECT unnest(api_ids) AS api_id FROM groups_{n}) USING (api_id)
),
"""
_TAIL = """shifted AS MATERIALIZED (
    SELECT told_id, api_id, 'zone' AS reason
    FROM told_{last} AS told
    JOIN api_{last} AS api USING (side, amount)
    WHERE told.day IS NULL AND abs(epoch(told.time) - epoch(api.time)) BETWEEN 1798 AND 14 * 3600 + 2
        AND abs((epoch(told.time) - epoch(api.time)) - 1800 * round((epoch(told.time) - epoch(api.time)) / 1800)) <= 2
    QUALIFY row_number() OVER (PARTITION BY told_id ORDER BY abs(epoch(told.time) - epoch(api.time)), api_id) = 1
        AND row_number() OVER (PARTITION BY api_id ORDER BY abs(epoch(told.time) - epoch(api.time)), told_id) = 1
),
differing AS MATERIALIZED (
    SELECT
        told_id, api_id,
        CASE WHEN abs(told.amount - api.amount) <= 0.0000001 THEN 'rounding' ELSE 'amount' END AS reason
    FROM (FROM told_{last} ANTI JOIN shifted USING (told_id)) AS told
    JOIN (FROM api_{last} ANTI JOIN shifted USING (api_id)) AS api USING (side, family)
    WHERE told.day IS NULL AND sign(told.amount) = sign(api.amount)
        AND abs(epoch(told.time) - epoch(api.time)) <= CASE WHEN told.at_once THEN 2 ELSE 2700 END
        AND (family NOT IN ('reward', 'earn') OR abs(told.amount - api.amount) <= 0.0000001)
    QUALIFY row_number() OVER (PARTITION BY told_id ORDER BY abs(told.amount - api.amount), api_id) = 1
        AND row_number() OVER (PARTITION BY api_id ORDER BY abs(told.amount - api.amount), told_id) = 1
),
-- Of a statement without times of day nobody can say whether it means what else the API tells of that day.
of_day AS MATERIALIZED (
    SELECT told_id, min(api_id) AS api_id, 'day' AS reason
    FROM told_{last}
    JOIN api_{last} USING (side, family, day)
    GROUP BY told_id
),
-- Nor whether it means the same amount that the API tells of the day after, and it does not.
day_after AS MATERIALIZED (
    SELECT told_id, api_id, 'day' AS reason
    FROM (
        SELECT
            side, amount, told_id, day + 1 AS day,
            row_number() OVER (PARTITION BY side, amount, day ORDER BY told_id) AS nth
        FROM told_{last}
        ANTI JOIN of_day USING (told_id)
    )
    JOIN (
        SELECT
            side, amount, api_id, day, row_number() OVER (PARTITION BY side, amount, day ORDER BY time, api_id) AS nth
        FROM api_{last}
    ) USING (side, amount, day, nth)
),
partners AS (
{partners}
)
SELECT
    moved.account,
    moved.export,
    moved.wallet,
    moved.asset,
    moved.time,
    moved.amount,
    moved.kind,
    operation,
    file_name,
    file,
    told_id // 10 % 100_000_000_000 AS line,
    told_id % 10 AS leg,
    CASE
        WHEN status IS NOT NULL THEN status
        WHEN covered THEN 'covered'
        ELSE 'only_statement'
    END AS status,
    reason,
    api.dataset,
    api.key,
    CASE WHEN reason IS DISTINCT FROM 'sum' THEN api.time END AS api_time,
    CASE WHEN reason IS DISTINCT FROM 'sum' THEN coalesce(gross, api.amount) END AS api_amount
FROM moved
JOIN files USING (file_number)
LEFT JOIN partners USING (told_id)
LEFT JOIN api_all AS api ON number = api_id // 1_000_000"""


def matches_sql() -> str:
    """Each movement of the statements with its partner among those of the API."""
    text = _HEAD.format(at_once=_AT_ONCE, day_us=DAY_US)
    partners, before = list[str](), "0"
    for n, bucket in enumerate((_SECOND, *_buckets(_NEAR_US), *_buckets(_FAR_US), "day"), start=1):
        text += _ROUND.format(n=n, before=before, bucket=bucket)
        partners.append(f"SELECT told_id, api_id, 'matched' AS status FROM pairs_{n}")
        before = str(n)
    text += _SUMS.format(before=before)
    singly, before = before, "0s"
    for n, bucket in enumerate(_buckets(_FAR_US), start=1):
        text += _ROUND.format(n=f"{n}s", before=before, bucket=bucket)
        partners.append(
            "SELECT told_id, api_id, 'matched' AS status, 'net_and_gross' AS reason, parts.amount AS gross "
            f"FROM pairs_{n}s JOIN parts USING (api_id)"
        )
        before = f"{n}s"
    text += _REST.format(singly=singly, before=before)
    before = "0g"
    for n, bucket in enumerate((*_buckets(_NEAR_US), "day"), start=1):
        text += _GROUPS.format(n=f"{n}g", before=before, bucket=bucket)
        partners.append(
            "SELECT unnest(told_ids) AS told_id, list_min(api_ids) AS api_id, 'matched' AS status, 'sum' AS reason "
            f"FROM groups_{n}g"
        )
        before = f"{n}g"
    partners += (
        f"SELECT told_id, api_id, 'differs' AS status, reason FROM {name}"
        for name in ("shifted", "differing", "of_day", "day_after")
    )
    return text + _TAIL.format(last=before, partners="\nUNION ALL BY NAME\n".join(partners))


_SECOND = "CASE WHEN day IS NULL THEN epoch_us(time) // 1_000_000 END"


def _buckets(apart_us: tuple[int, int]) -> Iterator[str]:
    """Stretches twice as wide, and the same half of that later: what is so far apart at most shares one of them."""
    width = f"CASE WHEN at_once THEN {2 * apart_us[0]} ELSE {2 * apart_us[1]} END"
    yield f"CASE WHEN day IS NULL THEN epoch_us(time) // {width} END"
    yield f"CASE WHEN day IS NULL THEN epoch_us(time - to_microseconds({width} // 2)) // {width} END"
