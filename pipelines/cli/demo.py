"""`binlake demo`: everything offline, in about a minute."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Annotated, Any

from cyclopts import Parameter

from pipelines.cli.charts import write_line
from pipelines.cli.errors import INTERRUPTED
from pipelines.cli.interrupt import stopping
from pipelines.cli.options import FLOWS_FILE
from pipelines.cli.output import say, write
from pipelines.cli.progress import watching
from pipelines.cli.tables import write_table


async def demo(
    *,
    folder: Annotated[Path, Parameter(help="folder to fill; what an earlier demo left there is replaced")] = Path(
        "binlake-demo"
    ),
) -> int:
    """Show everything offline: simulator, recorded flows, checks, queries. Leaves nothing running."""
    from pipelines.service.demo import demo as show_everything  # noqa: PLC0415 - `--help` needs no Prefect

    with stopping() as stop:
        await show_everything(folder, say=say, show=_show, chart=write_line, watch=watching, stop=stop)
    if stop.is_set():
        return INTERRUPTED
    say(*what_next(folder, command()))
    return 0


def _show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    write(f"\n{title}\n")
    write_table(header, rows)


def what_next(folder: Path, binlake: str) -> Iterator[str]:
    """Commands that can be typed as they are, where this one was; a narrow terminal breaks none at its comment."""
    flows = quote(str(folder / "flows.yaml"))
    yield f"Nothing is running any more. The lake, the flows, a notebook and Prefect's database are in {folder}. Next:"
    yield "# Ask the lake of the demo:"
    yield f'{binlake} query --config {flows} "show tables"'
    first = "" if FLOWS_FILE.exists() else f"{binlake} init && "
    yield "# Pull what flows.yaml in this folder says; prices need no key:"
    yield f"{first}{binlake} run"
    yield "# Pull on schedule, with Prefect's UI:"
    yield f"{binlake} up"


def command() -> str:
    """What a person types for this installation of binlake."""
    installed = Path(sys.executable).with_name("binlake")
    found = which("binlake")
    if found and Path(found).resolve() == installed.resolve():
        return "binlake"
    if not installed.exists():
        return f"{quote(sys.executable)} -m pipelines"
    here = Path.cwd()
    return quote(str(installed.relative_to(here) if installed.is_relative_to(here) else installed))
