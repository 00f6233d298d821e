"""`binlake init`: an annotated flows.yaml."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import schemas
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import say
from schemas.model.errors import UsageProblem

_ROOT = Path(__file__).parents[2]
# The example travels inside the wheel; in a checkout it lies at the top, where a person looks for it.
_EXAMPLES = (_ROOT / "pipelines" / "flows.yaml", _ROOT / "flows.yaml")
_SCHEMA = Path(schemas.__path__[0]) / "flows.schema.json"


def init(*, config: Config = FLOWS_FILE) -> int:
    """Write an annotated flows.yaml: market prices without a key, and an account as soon as its key is set."""
    text = example(config.absolute().parent, datetime.now(UTC).date())
    try:
        with config.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageProblem(f"{config} is there already.", "Edit it, or name another file with --config.") from None
    say(
        f"Wrote {config}. Next: `binlake plan` says what it will cost, `binlake run` pulls prices; neither needs a key."
    )
    return 0


def example(folder: Path, today: date) -> str:
    """The project's flows.yaml for a folder: history from the first of last month, and the schema for editors."""
    text = next(path for path in _EXAMPLES if path.exists()).read_text(encoding="utf-8")
    since = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    beside = Path("schemas") / _SCHEMA.name
    schema = beside if (folder / beside).exists() else _SCHEMA
    text = text.replace(f"$schema={beside}", f"$schema={schema}", 1)
    return re.sub(r"since: \d{4}-\d{2}-\d{2}", f"since: {since}", text, count=1)
