"""Whether the zone that a person gave for a file's times can be right: what the API told of the same movements says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.statements.layouts import shifted, zone_of
from schemas.derived.sql import literal

_ASKED = 2000  # rows
_FEWEST = 3  # movements that have to agree on another zone
_SHIFTS = """
SELECT shift_s, count(DISTINCT n) AS movements
FROM (
    SELECT n, (1800 * round((epoch(told.time) - epoch(api.time)) / 1800))::BIGINT AS shift_s,
        epoch(told.time) - epoch(api.time) AS apart_s
    FROM asked_rows AS told
    JOIN api_movements AS api USING (asset, amount)
    WHERE api.account = {account} AND abs(apart_s) <= 14 * 3600 + 2
)
WHERE abs(apart_s - shift_s) <= 2
GROUP BY shift_s
ORDER BY movements DESC, abs(shift_s)
"""


def better_zone(lake: Lake, rows: pa.Table, account: str, zone: str) -> str | None:
    """The zone in which more of these movements are where the API has them than in this one; None without any."""
    read = rows.filter(pc.is_null(rows["problem"])).slice(0, _ASKED)
    asked = read.select(["asset", "amount", "time"]).append_column("n", pa.array(range(len(read)), pa.int64()))
    with connect(lake) as session:
        session.register("asked_rows", asked)
        shifts: list[dict[str, Any]] = run(session, _SHIFTS.format(account=literal(account))).to_pylist()
    agreed = {each["shift_s"]: each["movements"] for each in shifts}
    best = max(agreed, key=lambda shift: agreed[shift], default=0)
    given = zone_of(zone)
    if not best or agreed[best] < _FEWEST or agreed[best] <= 2 * agreed.get(0, 0) or given is None:
        return None
    return shifted(given, timedelta(seconds=best)).name
