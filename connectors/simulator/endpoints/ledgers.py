"""An account's movements of money: one row per endpoint, written from the exchange's documentation.

A test, a demo or a life adds the rows as the exchange returns them, `Exchange.add_movement`; here they are found again
by time, page and fan-out, and refused where the documentation says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_SECONDS_UNTIL = 10**11  # a number of milliseconds is larger, and one of seconds is not

Movement = Mapping[str, Any]
Wrapped = Callable[[Sequence[Movement], Mapping[str, Any], int], Any]  # the rows, what was asked, how many there are


def bare(rows: Sequence[Movement], _given: Mapping[str, Any], _total: int) -> Any:
    return rows


def with_total(rows: Sequence[Movement], _given: Mapping[str, Any], total: int) -> Any:
    return {"rows": rows, "total": total} if rows else {"total": total}  # an empty list is left out


def enveloped(rows: Sequence[Movement], _given: Mapping[str, Any], total: int) -> Any:
    told = {"code": "000000", "message": "success", "total": total, "success": True}
    return {**told, "data": rows} if rows else told  # an empty list is left out


def _dividends(rows: Sequence[Movement], _given: Mapping[str, Any], total: int) -> Any:
    return {"rows": rows, "total": total}


def _conversions(rows: Sequence[Movement], given: Mapping[str, Any], total: int) -> Any:
    asked = {"startTime": int(given["startTime"]), "endTime": int(given["endTime"]), "limit": given.get("limit", 100)}
    return {"list": rows, **asked, "moreData": total > len(rows)}


def _dust(rows: Sequence[Movement], _given: Mapping[str, Any], total: int) -> Any:
    return {"total": total, "userAssetDribblets": rows}


def ledger(
    path: str,
    time: str,
    *,
    days: int,
    most: int,
    usual: int,
    weight: int = 1,
    by_uid: bool = False,
    wrapped: Wrapped = bare,
    size: str | None = "limit",
    page: str | None = None,
    of: str | None = None,
    of_default: str | None = None,
    pairs: tuple[str, ...] = (),
    whose: str | None = None,
    kept_days: int | None = None,
    default_days: int = 0,
    both_ends: bool = False,
    start: str = "startTime",
    end: str = "endTime",
    begins_ms: int = 0,
    version: str = "v1",
    too_wide: int = -4047,
    filters: tuple[str, ...] = (),
) -> Endpoint:
    """A list found by the millisecond field `time`, newest first, at most `most` rows at once, `usual` without a size.

    `of` is a parameter whose value each row was added under; behind it stands the pair that `pairs` ask for, or the
    name that `whose` asks for: `BORROW/BTCUSDT`. Without times the last `default_days` are meant. A window wider than
    it may be is refused with `too_wide`. `filters` name fields: rows of another value are left out, but for ALL.
    """
    kept, path = f"/sapi/v1/{path}", f"/sapi/{version}/{path}"

    def answer(_exchange: Exchange, call: Call) -> bytes:
        assert call.key is not None  # noqa: S101 - signed
        given = call.given
        asked = given.get(start), given.get(end)
        since_ms, until_ms = _window(*asked, call.now_ms, days, default_days or days, too_wide)
        since_ms = max(since_ms, begins_ms, call.now_ms - kept_days * DAY_MS if kept_days else 0)
        wanted = _joined(given.get(of, of_default) if of else None, *map(given.get, (*pairs, whose or "")))
        rows = [
            row
            for group, row in call.key.account.movements[kept]
            if since_ms <= _time_ms(row[time]) <= until_ms
            and group == wanted
            and all(given.get(name, "ALL") in {"ALL", str(row.get(name))} for name in filters)
        ]
        rows.sort(key=lambda row: _time_ms(row[time]), reverse=True)
        limit = min(given.get(size, usual) if size else most, most)
        skipped = _skipped(given, page, limit)
        return msgspec.json.encode(wrapped(rows[skipped : skipped + limit], given, len(rows)))

    known = (
        *(Parameter(name, rules.time_ms, mandatory=both_ends) for name in (start, end)),
        *(Parameter(name, read) for name, read in ((size, rules.limit), (page, rules.number)) if name),
        *_grouping(of, of_default, pairs, whose),
        *(Parameter(name, rules.text) for name in filters),
    )
    return Endpoint(path, weight, known, answer, Security.SIGNED, f"{'uid' if by_uid else 'ip'}:{path}")


def _grouping(of: str | None, of_default: str | None, pairs: Sequence[str], whose: str | None) -> Iterator[Parameter]:
    """The parameters that say under what the rows were added."""
    if of:
        yield Parameter(of, rules.text, mandatory=of_default is None)
    yield from (Parameter(pair, rules.symbol_text) for pair in pairs)
    if whose:
        yield Parameter(whose, rules.text, mandatory=True)


def _window(
    since: float | None, until: float | None, now_ms: int, days: int, default_days: int, too_wide: int
) -> tuple[int, int]:
    """The milliseconds asked for; both ends count. One end alone reaches as far as a window may."""
    if since is None:
        until_ms = now_ms if until is None else int(until)
        return until_ms - default_days * DAY_MS, until_ms
    until_ms = min(int(since) + days * DAY_MS - 1, now_ms) if until is None else int(until)
    if until_ms < since:
        raise Refusal(-1023, "Start time is greater than end time.")
    if until_ms - since >= days * DAY_MS:
        raise Refusal(too_wide, f"Time interval must be within 0-{days} days")
    return int(since), until_ms


def _joined(*parts: str | None) -> str | None:
    return "/".join(part for part in parts if part is not None) or None


def _skipped(given: Mapping[str, Any], page: str | None, limit: int) -> int:
    if page is None:
        return 0
    number: int = given.get(page, 0 if page == "offset" else 1)
    return number if page == "offset" else (number - 1) * limit


def _time_ms(printed: int | str) -> int:
    if isinstance(printed, int) or printed.isdigit():
        number = int(printed)
        return number if number > _SECONDS_UNTIL else number * 1000
    return int(datetime.strptime(printed, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 1000


ENDPOINTS = (
    ledger("capital/deposit/hisrec", "insertTime", days=90, most=1000, usual=1000, page="offset"),
    ledger(
        "capital/withdraw/history", "applyTime", days=90, most=1000, usual=1000, page="offset", weight=18_000,
        by_uid=True,
    ),
    ledger("asset/assetDividend", "divTime", days=180, most=500, usual=20, weight=10, wrapped=_dividends),
    ledger(
        "asset/transfer", "timestamp", days=180, most=100, usual=10, size="size", page="current", of="type",
        pairs=("fromSymbol", "toSymbol"), kept_days=183, default_days=7, wrapped=with_total,
    ),
    ledger(
        "convert/tradeFlow", "createTime", days=30, most=1000, usual=100, weight=3000, by_uid=True, both_ends=True,
        wrapped=_conversions,
    ),
    ledger(
        "fiat/payments", "createTime", days=90, most=500, usual=100, size="rows", page="page", of="transactionType",
        default_days=30, start="beginTime", wrapped=enveloped,
    ),
    ledger(
        "asset/dribblet", "operateTime", days=366, most=100, usual=100, size=None, of="accountType", of_default="SPOT",
        both_ends=True, wrapped=_dust,
    ),
)  # fmt: skip
