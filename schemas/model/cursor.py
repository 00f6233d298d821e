"""The fields of a cursor: what the log of a table remembers of each series beside its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.model.fields import ID, TIME, FieldType


class Direction(StrEnum):
    """Which way a field may move."""

    RISING = "rises"
    FALLING = "falls"
    FREE = "either way"  # it says how things stand, not how far one got


@dataclass(frozen=True, slots=True)
class CursorField:
    """One thing that is remembered of a series: an instant or a number, and which way a commit may move it."""

    name: str
    type: FieldType
    direction: Direction
    doc: str


def rising(name: str, doc: str, kind: FieldType = TIME) -> CursorField:
    """How far something got; a commit that takes it back is refused."""
    return CursorField(name, kind, Direction.RISING, doc)


def falling(name: str, doc: str, kind: FieldType = TIME) -> CursorField:
    """How far back something reaches; a commit that shortens it is refused."""
    return CursorField(name, kind, Direction.FALLING, doc)


def free(name: str, doc: str, kind: FieldType = TIME) -> CursorField:
    """How things stand."""
    return CursorField(name, kind, Direction.FREE, doc)


TIME_COVERAGE = (
    falling("since", "first instant covered: the rows from here on are stored"),
    rising("until", "first instant not covered any more"),
)
RESUMED = (
    free("resume", "instant from which runs ask again once a day, confirmed by a run whose clock was a day further"),
    free("resume_next", "instant that becomes `resume` once the exchange's clock shows a day more"),
)
ID_COVERAGE = (
    falling("since_id", "first id covered", ID),
    rising("until_id", "first id not covered any more", ID),
    rising("resume_id", "id from which the next run asks again, since an answer may lag behind what happened", ID),
)
TRADE_COVERAGE = (
    falling("since", "first instant covered: the rows from here on are stored"),
    rising("until", "first instant not covered any more"),
    falling("since_id", "first id covered", ID),
    rising("until_id", "first id not covered any more", ID),
)
FIRST_OBSERVED_AT = "first_observed_at"
SNAPSHOTS = (rising("observed_at", "instant of the last snapshot"),)
ABSENCE = (
    rising("absent_at", "when the exchange last said that the account or its key has nothing of it"),
    free("absent_code", "the code by which it said so, without the minus; 0 where flows.yaml gives no address", ID),
)
