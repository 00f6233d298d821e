"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.output import say
from pipelines.settings.loader import exposure, load, named
from schemas.config.flows import FlowsFile
from schemas.config.values import instant_or_ago, past, shown
from schemas.model.errors import UsageProblem

FLOWS_FILE = Path("flows.yaml")

FlowNames = Annotated[str, Parameter(help="names of flows; all flows of the file if none is given")]
Config = Annotated[Path, Parameter(name="--config", help="path of flows.yaml")]
Json = Annotated[bool, Parameter(name="--json", help="print JSON")]


def loaded(config: Path) -> FlowsFile:
    """The content of the file, with a word to its owner when others could change it."""
    spec = load(config)
    say(*filter(None, [exposure(config)]))
    return spec


def chosen(spec: FlowsFile, names: Sequence[str]) -> list[str]:
    """The flows asked for by name, or all of them in the order of the file."""
    return chosen_of(spec.flows, names, "flow")


def chosen_of(known: Mapping[str, object], names: Sequence[str], kind: str) -> list[str]:
    """Those asked for by name, or all that are known."""
    for name in names:
        named(known, name, kind)
    return list(dict.fromkeys(names)) or list(known)


def moment(text: str, option: str) -> datetime:
    """The instant given to an option, or how long ago it is; not in the future."""
    now = datetime.now(UTC)
    try:
        return past(instant_or_ago(text, now), now)
    except ValueError as error:
        raise UsageProblem(f"{option}: {error}") from None


def month(text: str) -> datetime:
    """The first instant of the month given to --month."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise UsageProblem(f"--month: {shown(text)} is not a month.", "Write it as YYYY-MM.")
    return moment(f"{text}-01", "--month")
