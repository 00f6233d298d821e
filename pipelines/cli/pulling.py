"""Flows pulled one after the other, with progress, receipts and failures."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from pipelines.cli.errors import INTERRUPTED
from pipelines.cli.interrupt import stopping
from pipelines.cli.output import say, write_json
from pipelines.cli.progress import watching
from pipelines.cli.tables import write_table
from pipelines.context.progress import Progress
from pipelines.context.receipts import Failure, Receipt, worst
from schemas.model.errors import UsageProblem

SHOWN_FAILURES = 20
_MANY = 5
Pull = Callable[[str, Progress, asyncio.Event], Awaitable[list[Receipt]]]


async def pull_each(names: Sequence[str], pull: Pull, *, json: bool) -> int:
    """Pull one flow after the other; a problem of one does not stop the next."""
    receipts: list[Receipt] = []
    with stopping() as stop:
        for name in names:
            with watching(name) as progress:
                done = await _attempted(name, pull(name, progress, stop))
            say(*_lines(name, done))
            receipts += done
            if stop.is_set():
                break
    if json:
        write_json(receipts)
    _show_failures([failure for receipt in receipts for failure in receipt.failures])
    return worst([*(receipt.exit_code for receipt in receipts), INTERRUPTED if stop.is_set() else 0])


def _lines(name: str, done: Sequence[Receipt]) -> list[str]:
    """A line per receipt; those of many datasets that had nothing to do are one, as upkeep has of most tables."""
    quiet = [receipt for receipt in done if receipt.quiet]
    if len(quiet) < _MANY:
        return [receipt.line() for receipt in done]
    seconds = sum(receipt.seconds for receipt in quiet)
    told = [receipt.line() for receipt in done if not receipt.quiet]
    return [*told, f"{name}: {len(quiet)} datasets done, nothing new, {seconds:.1f} s"]


async def _attempted(name: str, pulling: Awaitable[list[Receipt]]) -> list[Receipt]:
    try:
        return await pulling
    except UsageProblem:
        raise  # what is wrong with the file or the lake is wrong for every flow
    except Exception as error:  # noqa: BLE001 - one flow's surprise stops no other
        return [Receipt.of_flow(name, Failure.of(name, error))]


def _show_failures(failures: Sequence[Failure]) -> None:
    if not failures:
        return
    rows = [(failure.series, failure.why) for failure in failures[:SHOWN_FAILURES]]
    write_table(("failed", "why"), rows, stream=sys.stderr)
    if len(failures) > SHOWN_FAILURES:
        say(f"... and {len(failures) - SHOWN_FAILURES:,} more; --json names them all.")
