"""`binlake up`: a Prefect server, its UI, and every flow on its schedule."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import Port

from pipelines.cli.interrupt import stopping
from pipelines.cli.options import FLOWS_FILE, Config, loaded
from pipelines.cli.output import say


async def up(
    *,
    port: Annotated[Port | None, Parameter(help="port of the server and its UI on 127.0.0.1")] = None,
    config: Config = FLOWS_FILE,
) -> int:
    """Start a Prefect server with its UI and run every flow on its schedule; Ctrl-C ends everything."""
    from pipelines.service import server as serving  # noqa: PLC0415 - importing Prefect takes a second or two

    loaded(config)
    with stopping("Ending everything that was started; this takes a few seconds.") as stop:
        await serving.up(config, say=say, stop=stop, port=port)
    return 0
