"""What can go wrong, each a small object that turns a good answer into a bad one.

A fault applies to the requests its scope names: a path, a symbol, after so many matching ones, so many times.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import msgspec

from connectors.simulator.protocol.messages import HTML, JSON, Answer

_PAGE = "<!DOCTYPE html><html><head><title>ERROR</title></head><body><h1>{status}</h1>Request blocked.</body></html>"
_ELSEWHERE = "Service unavailable from a restricted location according to 'b. Eligibility'."
_OPEN = 0  # position of the opening time in a kline row


class Fault(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=str.lower):
    """Its scope: `path` and `symbol` when given, after `skip` matching requests, for `count` of them (None: ever)."""

    path: str | None = None
    symbol: str | None = None
    skip: int = 0
    count: int | None = 1

    def weight(self, weight: int) -> int:
        """What the request costs."""
        return weight

    def lag(self) -> int:
        """By how many milliseconds the database behind the answer lags."""
        return 0

    def applied(self, answer: Answer) -> Answer:
        """What the client gets."""
        return answer


class Latency(Fault, frozen=True):
    """The answer comes late."""

    seconds: float

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, delay_s=answer.delay_s + self.seconds)


class Reset(Fault, frozen=True):
    """The connection is reset, before any answer or `after` so many bytes of the body."""

    after: int = -1

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, sent=self.after, reset=True)


class Truncated(Fault, frozen=True):
    """The body ends early: the connection closes before Content-Length bytes have come."""

    share: float = 0.5

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, sent=int(len(answer.body) * self.share))


class ShortBody(Fault, frozen=True):
    """The body ends early and Content-Length agrees: nothing but the text itself shows it."""

    share: float = 0.5

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, body=answer.body[: int(len(answer.body) * self.share)])


class CutGzip(Fault, frozen=True):
    """A compressed body whose end is missing, with a Content-Length that agrees."""

    share: float = 0.5

    def applied(self, answer: Answer) -> Answer:
        packed = gzip.compress(answer.body)
        headers = {**answer.headers, "Content-Encoding": "gzip"}
        return replace(answer, body=packed[: int(len(packed) * self.share)], headers=headers)


class Html(Fault, frozen=True):
    """An HTML page from the edge, such as the firewall's 403."""

    status: int = 403

    def applied(self, answer: Answer) -> Answer:
        body = _PAGE.format(status=self.status).encode()
        return replace(answer, status=self.status, body=body, content_type=HTML)


class Error(Fault, frozen=True):
    """An error of the exchange; -1000, -1001, -1007 and -1008 are its own trouble, -1021 a clock that is off."""

    code: int
    status: int = 500
    msg: str = "An unknown error occured while processing the request."
    headers: dict[str, str] = {}

    def applied(self, answer: Answer) -> Answer:
        body = msgspec.json.encode({"code": self.code, "msg": self.msg})
        return replace(
            answer, status=self.status, body=body, headers={**answer.headers, **self.headers}, content_type=JSON
        )


class Restricted(Fault, frozen=True):
    """This place is refused with 451, code 0."""

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, status=451, body=msgspec.json.encode({"code": 0, "msg": _ELSEWHERE}))


class Redirect(Fault, frozen=True):
    """The client is sent to another host."""

    to: str

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, status=302, body=b"", headers={**answer.headers, "Location": self.to})


class Body(Fault, frozen=True):
    """Any other body under the answer's own status: empty, `null`, not JSON, an error inside a 200."""

    text: str

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, body=self.text.encode())


class NoContent(Fault, frozen=True):
    """A 204: everything is fine, and there is nothing."""

    def applied(self, answer: Answer) -> Answer:
        return replace(answer, status=204, body=b"")


class NoWeight(Fault, frozen=True):
    """The used-weight headers are missing."""

    def applied(self, answer: Answer) -> Answer:
        kept = {name: value for name, value in answer.headers.items() if "-USED-" not in name}
        return replace(answer, headers=kept)


class Drift(Fault, frozen=True):
    """The request costs more, or less, than documented."""

    extra: int

    def weight(self, weight: int) -> int:
        return weight + self.extra


class Lagging(Fault, frozen=True):
    """An order history as it was so many milliseconds ago: later rows are missing, later changes unknown."""

    ms: int

    def lag(self) -> int:
        return self.ms


class _Rows(Fault, frozen=True):
    """A fault in the rows of a list."""

    def change(self, rows: list[Any]) -> list[Any]:
        """The rows the client gets."""
        return rows

    def applied(self, answer: Answer) -> Answer:
        listed = answer.status == 200 and answer.content_type == JSON  # noqa: PLR2004 - OK
        rows = msgspec.json.decode(answer.body) if listed else None
        return replace(answer, body=msgspec.json.encode(self.change(rows))) if isinstance(rows, list) else answer


class Duplicated(_Rows, frozen=True):
    """The last `rows` rows come twice."""

    rows: int = 1

    def change(self, rows: list[Any]) -> list[Any]:
        return rows + rows[-self.rows :]


class ShortPage(_Rows, frozen=True):
    """Only the first `keep` rows come, although there are more."""

    keep: int

    def change(self, rows: list[Any]) -> list[Any]:
        return rows[: self.keep]


class Shuffled(_Rows, frozen=True):
    """The rows come in another order: newest first."""

    def change(self, rows: list[Any]) -> list[Any]:
        return rows[::-1]


class Hole(_Rows, frozen=True):
    """A row, so many from the end, has not appeared yet, although later ones have."""

    place: int = 2

    def change(self, rows: list[Any]) -> list[Any]:
        return [row for place, row in enumerate(rows) if place != len(rows) - self.place]


class Shifted(_Rows, frozen=True):
    """A time is printed so many milliseconds later than by other answers."""

    field: str
    ms: int

    def change(self, rows: list[Any]) -> list[Any]:
        return [{**row, self.field: row[self.field] + self.ms} for row in rows]


class Late(_Rows, frozen=True):
    """Candles that open in [since_ms, until_ms) have not appeared yet."""

    since_ms: int
    until_ms: int

    def change(self, rows: list[Any]) -> list[Any]:
        return [row for row in rows if not self.since_ms <= row[_OPEN] < self.until_ms]


class Wrong(_Rows, frozen=True):
    """One candle is printed with other values, by position in the row; without the fault it is corrected."""

    open_ms: int
    values: dict[int, str | int]

    def change(self, rows: list[Any]) -> list[Any]:
        return [self._row(row) if row[_OPEN] == self.open_ms else row for row in rows]

    def _row(self, row: list[Any]) -> list[Any]:
        return [self.values.get(place, value) for place, value in enumerate(row)]


class Misprinted(_Rows, frozen=True):
    """Fields of rows are printed with other values, whatever their kind: of all rows, or of those that have `where`."""

    values: dict[str, Any]
    where: dict[str, Any] = {}

    def change(self, rows: list[Any]) -> list[Any]:
        return [{**row, **self.values} if self.where.items() <= row.items() else row for row in rows]


AnyFault = (
    Latency
    | Reset
    | Truncated
    | ShortBody
    | CutGzip
    | Html
    | Error
    | Restricted
    | Redirect
    | Body
    | NoContent
    | NoWeight
    | Drift
    | Lagging
    | Duplicated
    | ShortPage
    | Shuffled
    | Hole
    | Shifted
    | Late
    | Wrong
    | Misprinted
)


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._active: list[tuple[Fault, list[int]]] = []  # with the number of matching requests so far

    def add(self, fault: Fault) -> None:
        self._active.append((fault, [0]))

    def clear(self) -> None:
        self._active.clear()

    def matching(self, path: str, symbol: str | None) -> list[Fault]:
        """The faults of one request, which counts towards the scope of each."""
        return [fault for fault, seen in self._active if _in_scope(fault, seen, path, symbol)] if self._active else []


def _in_scope(fault: Fault, seen: list[int], path: str, symbol: str | None) -> bool:
    if fault.path not in (None, path) or fault.symbol not in (None, symbol):
        return False
    seen[0] += 1
    return fault.skip < seen[0] and (fault.count is None or seen[0] <= fault.skip + fault.count)
