"""`binlake simulator`: an offline exchange."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import ExistingDirectory, NonNegativeFloat, NonNegativeInt, Port, PositiveFloat

from connectors.binance.sites import DEFAULT_SIMULATOR, FAMILIES
from pipelines.cli.output import say


def simulator(
    *,
    port: Annotated[Port, Parameter(help="port on 127.0.0.1; 0 takes a free one")] = 8390,
    seed: Annotated[int, Parameter(help="the same seed gives the same market")] = 1,
    latency_ms: Annotated[NonNegativeFloat, Parameter(help="delay of every answer")] = 0.0,
    symbols: Annotated[NonNegativeInt, Parameter(help="number of extra symbols")] = 0,
    limits: Annotated[bool, Parameter(negative="--no-limits", help="answer 429 and 418 as the exchange does")] = True,
    archive: Annotated[
        ExistingDirectory | None, Parameter(help="also serve the files below data/ of this folder as its archive")
    ] = None,
    demo_account: Annotated[
        bool, Parameter(negative="--no-demo-account", help="have an account with the key of the documentation")
    ] = True,
    max_seconds: Annotated[PositiveFloat | None, Parameter(help="stop after this many seconds")] = None,
) -> int:
    """Serve an exchange that speaks the same protocol, offline; `exchange: simulator` in flows.yaml uses it."""
    from connectors.simulator.__main__ import main  # noqa: PLC0415 - `--help` needs no exchange

    words: list[object] = ["--port", port, "--seed", seed, "--latency-ms", latency_ms, "--symbols", symbols]
    words += [] if limits else ["--no-limits"]
    words += [] if archive is None else ["--archive", archive]
    words += ["--demo-account"] if demo_account else []
    words += [] if max_seconds is None else ["--max-seconds", max_seconds]
    return main([str(word) for word in words], lambda url: say(*_usage(url)))


def _usage(url: str) -> Iterator[str]:
    yield f"An offline exchange answers at {url}; Ctrl-C ends it."
    if url == DEFAULT_SIMULATOR:
        yield "In another terminal and an empty folder: binlake init --simulator && binlake run"
    else:
        families = ", ".join(f'{family}: "{url}"' for family in FAMILIES)
        yield f"In flows.yaml: exchange: {{{families}}}"
