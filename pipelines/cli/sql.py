"""`binlake sql`: a small read-only shell; each question is asked of the lake as it is at that moment."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import get_args

import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from connectors.lake import Lake
from connectors.lake.sql.session import connect
from pipelines.cli.environment import state_folder
from pipelines.cli.errors import explained
from pipelines.cli.formats import Format, write_answer
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import complain, say
from pipelines.cli.query import Timeout
from pipelines.settings.loader import load
from schemas.datasets import DATASETS
from schemas.derived.queries import views
from schemas.model.errors import UsageProblem

_PROMPT, _GOES_ON = "binlake> ", "    ...> "
_ENDS = (".quit", ".exit", "quit", "exit", r"\q")
_HELP = f"""\
A question is one SELECT and ends with a semicolon; Tab completes names, the arrow keys bring back old questions.
  .tables          the tables and views
  .format FORMAT   how answers are shown: {", ".join(get_args(Format)[:-1])}
  .quit            or Ctrl-D; Ctrl-C stops a question
`DESCRIBE klines;` lists the columns of a table, `binlake query -o FILE` writes an answer to a file."""


def sql(*, timeout: Timeout = None, config: Config = FLOWS_FILE) -> int:
    """Ask question after question in SQL, read-only, with history and completion."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem("`binlake sql` needs a terminal.", "`binlake query` takes SQL from a file or a pipe.")
    shell = _Shell(Lake.at(load(config).lake), timeout)
    say("Questions end with a semicolon. `.help` lists what else there is.")
    prompt = _prompt()
    while True:
        with suppress(KeyboardInterrupt):  # Ctrl-C at the prompt empties the line
            try:
                text = prompt.prompt(_PROMPT).strip().rstrip(";").rstrip()
            except EOFError:
                return 0
            if text in _ENDS:
                return 0
            shell.obey(text)


class _Shell:
    """Answers what was typed; nothing that goes wrong ends it."""

    def __init__(self, lake: Lake, timeout_s: int | None) -> None:
        self._lake, self._timeout_s = lake, timeout_s
        self._form: Format = "table"

    def obey(self, text: str) -> None:
        match text.split():
            case []:
                return
            case [".help"]:
                say(*_HELP.splitlines())
            case [".tables"]:
                self._ask("SHOW TABLES")
            case [".format", ("table" | "vertical" | "csv" | "json") as form]:
                self._form = form
            case [word, *_] if word.startswith("."):
                complain(f"There is no {text}. `.help` lists what there is.")
            case _:
                self._ask(text)

    def _ask(self, sql: str) -> None:
        try:
            with connect(self._lake, timeout_s=self._timeout_s) as session:
                write_answer(session, sql, self._form)
        except KeyboardInterrupt:
            say("Stopped.")
        except Exception as error:  # noqa: BLE001 - the next question may be answered
            explained(error, debug=False)


def _prompt() -> PromptSession[str]:
    unfinished = Condition(lambda: not _is_whole(get_app().current_buffer.text))
    return PromptSession(
        history=_history(),
        completer=WordCompleter(_words(), ignore_case=True),
        complete_while_typing=False,
        enable_history_search=True,
        lexer=PygmentsLexer(SqlLexer),
        multiline=unfinished,
        prompt_continuation=_GOES_ON,
    )


def _is_whole(text: str) -> bool:
    """Whether Enter ends what was typed, instead of beginning another line of it."""
    text = text.strip()
    return not text or text.startswith(".") or text.endswith(";") or text in _ENDS


def _history() -> History:
    """That of earlier shells, unless the folder of this user's state cannot be written to."""
    path = state_folder() / "sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def _words() -> list[str]:
    """The names of tables, views and columns, and the words of SQL."""
    names = {dataset.name for dataset in DATASETS.values()} | {view.name for view in views()}
    columns = {column.name for dataset in DATASETS.values() for column in dataset.columns}
    keywords = duckdb.execute("SELECT upper(keyword_name) FROM duckdb_keywords()").fetchall()
    return [*sorted(names | columns), *sorted(word for (word,) in keywords)]
