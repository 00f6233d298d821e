"""`binlake demo`: everything offline, in about a minute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pipelines.cli.errors import INTERRUPTED
from pipelines.cli.interrupt import stopping
from pipelines.cli.output import say, write, write_table
from pipelines.cli.progress import watching


async def demo(
    *,
    folder: Annotated[Path, Parameter(help="where to leave the lake")] = Path("binlake-demo"),
) -> int:
    """Show everything offline: simulator, recorded flows, checks, queries. Leaves nothing running."""
    from pipelines.service.demo import demo as show_everything  # noqa: PLC0415 - as above

    with stopping() as stop:
        await show_everything(folder, say=say, show=_show, watch=watching, stop=stop)
    return INTERRUPTED if stop.is_set() else 0


def _show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    write(f"\n{title}\n")
    write_table(header, rows)
