"""The commands, and the one way in and out of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from keyword import iskeyword

from cyclopts import App, Parameter

from pipelines.cli.environment import prepare
from pipelines.cli.errors import explained
from pipelines.cli.output import PlainFormatter, settle_encodings

_HELP = "Your own exact copy of Binance's market prices and of your account, in Parquet."

_AFTER = """\
Every command takes --debug, which shows tracebacks; those that read flows.yaml take --config FILE. Data goes to \
stdout, messages to stderr.

Exit codes: 0 done, 1 a run failed while others went on, 2 usage, 3 a check failed or a file is damaged, \
4 access refused, 70 a bug, 75 try later, 130 interrupted.
"""

# Each is a function of its name in a module of its name, which is imported when it is called: --help needs none. A word
# of Python's own has a `_` behind it there.
_VERBS = {
    "init": "Write an annotated flows.yaml.",
    "demo": "Show everything offline, in about a minute; leaves nothing running.",
    "plan": "Show what a run would fetch, and what that costs.",
    "run": "Fetch what is new.",
    "backfill": "Fetch history from before what the lake holds.",
    "import": "Import the exchange's own exports of an account.",
    "status": "Show coverage and lag by dataset.",
    "show": "Draw candles and volume of a symbol.",
    "portfolio": "Show what the accounts hold, and what it is worth.",
    "check": "Run all checks over the lake.",
    "prove": "State what each month holds, with a hash that anyone can recompute.",
    "export": "Write the ledger for bookkeeping, tax and portfolio programs.",
    "query": "Query the lake in SQL; read-only.",
    "sql": "Open a small read-only SQL shell.",
    "up": "Run the flows on their schedules, with Prefect and its UI.",
    "keys": "Add, check, rotate and review the API keys of the accounts.",
    "doctor": "Show what is wrong on this machine, and how to fix it.",
    "simulator": "Serve an offline exchange that speaks the same protocol.",
}


def _version() -> str:
    try:
        return version("binlake")
    except PackageNotFoundError:
        return "of this checkout, not installed"


app = App(
    name="binlake",
    help=_HELP,
    help_epilogue=_AFTER,
    help_format="plaintext",
    version=_version,
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    default_parameter=Parameter(negative=""),  # an option says what it does; few have an opposite
)
for _verb, _help in _VERBS.items():
    _place = f"{_verb}_" if iskeyword(_verb) else _verb
    app.command(f"pipelines.cli.{_place}:{_place}", name=_verb, help=_help)


@contextmanager
def _logged(*, debug: bool) -> Iterator[None]:
    """Print what is logged while this command lasts: warnings, or the tracebacks too of what fails one flow alone."""
    log, handler = logging.getLogger("binlake"), logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if debug else logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)


def call(argv: list[str]) -> int:
    """One command from its words to its exit code."""
    debug = "--debug" in argv
    try:
        with _logged(debug=debug):
            prepare()
            settle_encodings()
            code = app([word for word in argv if word != "--debug"])
            sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one place that turns whatever happens into an exit code
        return explained(error, debug=debug)
    return int(code or 0)
