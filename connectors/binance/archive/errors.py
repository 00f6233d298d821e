"""Everything the public archive can answer that is neither a file nor a listing.

The archive is not the exchange: it knows no key and no weight, and what it does not give, the exchange may. So each
of its troubles is an ArchiveTrouble, which stops nothing but what the archive alone has.
"""

# ruff: noqa: N818 - named after what happened, not after being errors

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.errors import BinanceError, Throttled, wait_until_ms
from connectors.binance.route import unanswered
from schemas.model.errors import TryLater

_WITHOUT = "`source: rest` does without the archive."
_TOO_MANY, _TIMED_OUT, _NOT_FOUND = 429, 408, 404
_REFUSALS = frozenset({401, 403, 451})


class ArchiveTrouble(BinanceError):
    """The archive did not give what was asked of it."""


class ArchiveDown(ArchiveTrouble):
    """The archive cannot be reached, or is not well: the same request may succeed later."""

    exit_code = TryLater.exit_code


class ArchiveRefused(ArchiveTrouble):
    """The archive answers, and does not give this to us."""


class ArchiveUnreadable(ArchiveTrouble):
    """What came is no listing: a log-in page, or a page that was cut."""


def unreachable(url: str, error: Exception) -> ArchiveDown:
    """No answer came."""
    who, way_out = unanswered(url, error)
    return ArchiveDown(f"No answer from the archive at {who}", f"{way_out} {_WITHOUT}")


def unreadable(reason: str) -> ArchiveUnreadable:
    """What came under the address of the listing is none."""
    way_out = f"Open its address in a browser: a network may ask to log in; {_WITHOUT}"
    return ArchiveUnreadable(f"The archive's listing cannot be read: {reason}.", way_out, path="/", status=200)


def refusal(status: int, headers: Mapping[str, str], path: str, *, now_ms: int) -> ArchiveTrouble:
    """What an answer of the archive without data means."""
    told = f"The archive answered {path} with HTTP {status}"
    if status in _REFUSALS:
        why = "it, or a proxy on the way, refuses this address"
        return ArchiveRefused(f"{told}: {why}.", f"Try the address in a browser; {_WITHOUT}", path=path, status=status)
    if status == _NOT_FOUND:
        check = "Check `archive` and `archive_list` under `exchange`."
        return ArchiveTrouble(f"{told}: nothing is there.", check, path=path, status=status)
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP
        why, mend = "something on the way redirects elsewhere", f"Log in to the network; {_WITHOUT}"
        return ArchiveDown(f"{told}: {why}.", mend, path=path, status=status)
    until_ms = wait_until_ms("", headers, now_ms, Throttled) if status == _TOO_MANY else 0
    if status >= 500 or status in {_TOO_MANY, _TIMED_OUT, 200}:  # noqa: PLR2004 - HTTP
        return ArchiveDown(f"{told}.", f"Run again later; {_WITHOUT}", path=path, status=status, until_ms=until_ms)
    return ArchiveTrouble(f"{told}.", f"Check the addresses under `exchange`; {_WITHOUT}", path=path, status=status)
