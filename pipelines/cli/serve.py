"""The verbs that run until they are stopped, and the one that shows everything at once: up, simulator, demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.types import ExistingDirectory, NonNegativeFloat, NonNegativeInt, Port, PositiveFloat

from pipelines.cli.options import FLOWS_FILE, Config, loaded
from pipelines.cli.output import say, write, write_table
from pipelines.cli.problems import INTERRUPTED
from pipelines.cli.progress import watching
from pipelines.cli.stopping import stopping


async def up(
    *,
    port: Annotated[Port | None, Parameter(help="of the server and its UI on this machine")] = None,
    config: Config = FLOWS_FILE,
) -> int:
    """Start a Prefect server with its UI and run every flow on its schedule; Ctrl-C ends all of it."""
    from pipelines.service import server as serving  # noqa: PLC0415 - the other verbs here need no server

    loaded(config)
    with stopping("Ending everything that was started; this takes a few seconds.") as stop:
        await serving.up(config, say=say, stop=stop, port=port)
    return 0


async def demo(
    *,
    folder: Annotated[Path, Parameter(help="where it leaves its lake to be looked at")] = Path("binlake-demo"),
) -> int:
    """Show the whole thing offline: simulator, recorded flows, checks, queries; leaves nothing running."""
    from pipelines.service.demo import demo as show_everything  # noqa: PLC0415 - as above

    with stopping() as stop:
        await show_everything(folder, say=say, show=_show, watch=watching, stop=stop)
    return INTERRUPTED if stop.is_set() else 0


def simulator(
    *,
    port: Annotated[Port, Parameter(help="on 127.0.0.1; 0 takes a free one")] = 8390,
    seed: Annotated[int, Parameter(help="the same seed gives the same market")] = 1,
    latency_ms: Annotated[NonNegativeFloat, Parameter(help="every answer waits so long")] = 0.0,
    symbols: Annotated[NonNegativeInt, Parameter(help="so many more symbols")] = 0,
    limits: Annotated[bool, Parameter(help="answer 429 and 418 as the exchange does")] = True,
    archive: Annotated[
        ExistingDirectory | None, Parameter(help="its archive has the files below data/ of this folder too")
    ] = None,
    demo_account: Annotated[bool, Parameter(negative="", help="an account with the documentation's key")] = False,
    max_seconds: Annotated[PositiveFloat | None, Parameter(help="stop by itself")] = None,
) -> int:
    """Serve an exchange that speaks the same protocol, offline; `exchange: simulator` in flows.yaml uses it."""
    from connectors.simulator.__main__ import main  # noqa: PLC0415 - as above

    words: list[object] = ["--port", port, "--seed", seed, "--latency-ms", latency_ms, "--symbols", symbols]
    words += [] if limits else ["--no-limits"]
    words += [] if archive is None else ["--archive", archive]
    words += ["--demo-account"] if demo_account else []
    words += [] if max_seconds is None else ["--max-seconds", max_seconds]
    return main([str(word) for word in words])


def _show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    write(f"\n{title}\n")
    write_table(header, rows)
