"""`binlake init`: an annotated flows.yaml."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import Parameter

import schemas
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import say
from schemas.model.errors import UsageProblem

_ROOT = Path(__file__).parents[2]
# The example travels inside the wheel; in a checkout it lies at the top, where a person looks for it.
_EXAMPLES = (_ROOT / "pipelines" / "flows.yaml", _ROOT / "flows.yaml")
_KEY_FILE, _SECRET_FILE = "simulator-api-key.txt", "simulator-secret.txt"
_SCHEMA = Path(schemas.__path__[0]) / "flows.schema.json"


def init(
    *,
    simulator: Annotated[
        bool, Parameter(help="for the offline exchange of `binlake simulator`, with its published key")
    ] = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Write an annotated flows.yaml: market prices without a key, and an account as soon as its key is set."""
    folder = config.absolute().parent
    text = example(folder, datetime.now(UTC).date())
    _write_new(config, offline(text) if simulator else text)
    for name, content in _published_key().items() if simulator else ():
        (folder / name).write_text(f"{content}\n", encoding="utf-8")
    option = "" if config == FLOWS_FILE else f" --config {quote(str(config))}"
    if simulator:
        say(
            f"Wrote {config}, and the published key beside it. Next: `binlake simulator` in another terminal, then "
            f"`binlake run{option}`."
        )
    else:
        say(
            f"Wrote {config}. Next: `binlake plan{option}` says what it will cost, `binlake run{option}` pulls prices; "
            "neither needs a key."
        )
    return 0


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageProblem(f"{path} is there already.", "Edit it, or name another file with --config.") from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.", "Name another file with --config.") from None


def _published_key() -> dict[str, str]:
    """The files that hold the key of the simulator's account."""
    from connectors.simulator.__main__ import DEMO_API_KEY, DEMO_SECRET  # noqa: PLC0415 - only the simulator needs it

    return {_KEY_FILE: DEMO_API_KEY, _SECRET_FILE: DEMO_SECRET}


def offline(text: str) -> str:
    """The example for the simulator: in a lake of its own, and with the key where `_published_key` puts it."""
    for live, simulated in (
        ("lake: ./lake ", "lake: ./lake-simulator "),
        ("exchange: live ", "exchange: simulator "),
        ("env:BINANCE_API_KEY ", f"file:{_KEY_FILE} "),
        ("env:BINANCE_API_SECRET ", f"file:{_SECRET_FILE} "),
    ):
        text = text.replace(live, simulated, 1)
    return text


def example(folder: Path, today: date) -> str:
    """The project's flows.yaml for a folder: history from the first of last month, and the schema for editors."""
    text = next(path for path in _EXAMPLES if path.exists()).read_text(encoding="utf-8")
    since = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    beside = Path("schemas") / _SCHEMA.name
    schema = beside if (folder / beside).exists() else _SCHEMA
    text = text.replace(f"$schema={beside}", f"$schema={schema}", 1)
    return re.sub(r"since: \d{4}-\d{2}-\d{2}", f"since: {since}", text, count=1)
