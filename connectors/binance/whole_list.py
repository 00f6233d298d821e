"""A list in numbered pages that means something only whole, such as the positions that are summed by asset."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from connectors.binance.answers import misprint
from connectors.binance.endpoints.model import Endpoint, Pages, Printed
from connectors.binance.paging import Stuck

Ask = Callable[[Mapping[str, int]], Awaitable[bytes]]
Rows = dict[bytes, Printed]  # by what tells them apart


async def whole_list(ask: Ask, endpoint: Endpoint, pages: Pages) -> bytes:
    """All pages as one answer; the first of several is read again at the end, since a list may change under the walk.

    A short page ends the list only where the exchange says that this is all there is; otherwise an empty one does.
    """
    rows, number = Rows(), 0
    while True:
        number += 1
        page, total = _read(await ask({pages.page: number, pages.limit: pages.rows}), endpoint, pages)
        if page.keys() & rows.keys():
            raise _changed(endpoint)
        rows |= page
        if not page or (len(page) < pages.rows and len(rows) == total):
            break
    if len(rows) > len(page):
        again, _ = _read(await ask({pages.page: 1, pages.limit: pages.rows}), endpoint, pages)
        if [*again] != [*rows][: len(again)]:
            raise _changed(endpoint)
    return msgspec.json.encode({str(endpoint.rows_at): [*rows.values()]})


def _read(body: bytes, endpoint: Endpoint, pages: Pages) -> tuple[Rows, int | None]:
    """The rows of a page, and how many the exchange says there are of all pages."""
    try:
        told = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        total = _total(told, pages)
        if total != 0 and endpoint.rows_at not in told:
            raise msgspec.ValidationError(f"Object missing required field `{endpoint.rows_at}`")
        printed = msgspec.json.decode(told.get(str(endpoint.rows_at), b"[]"), type=list[dict[str, msgspec.Raw]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise misprint(endpoint, error) from None
    if any(pages.id not in row for row in printed):
        raise misprint(endpoint, msgspec.ValidationError(f"Object missing required field `{pages.id}`"))
    rows: Rows = {bytes(row[pages.id]): row for row in printed}
    if len(rows) < len(printed):
        raise _changed(endpoint)
    return rows, total


def _total(told: Printed, pages: Pages) -> int | None:
    total = msgspec.json.decode(told.get(pages.total, b"null"), type=int | str | None)
    return int(total) if isinstance(total, int) or (total or "").isdecimal() else None


def _changed(endpoint: Endpoint) -> Stuck:
    return Stuck(f"{endpoint.name} changed while its pages were read.", "Run again.")
