"""QUESTIONS.md: the questions that stand in it, and the page with their answers as `binlake query` prints them.

`python tests/questions.py` asks anew and writes the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from duckdb import DuckDBPyConnection
from support.question_lake import make

from connectors.lake.sql.session import run
from pipelines import connect
from pipelines.cli.tables import shown, write_table

PAGE = Path(__file__).parents[1] / "QUESTIONS.md"
_QUESTION = re.compile(
    r"^### (?P<title>.+)\n\n```sql\n(?P<sql>(?:.+\n)+?)```\n(?:\n```text\n(?P<answer>(?:.*\n)+?)```\n)?", re.MULTILINE
)


def questions() -> Iterator[tuple[str, str, str]]:
    """Title, SQL and printed answer of each question on the page."""
    for found in _QUESTION.finditer(PAGE.read_text()):
        yield found["title"], found["sql"], found["answer"] or ""


def answer(lake: DuckDBPyConnection, sql: str) -> str:
    """What `binlake query` prints into a pipe."""
    rows, out = run(lake, sql), StringIO()
    write_table(rows.column_names, [tuple(row.values()) for row in rows.to_pylist()], cell=shown, stream=out)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def answered(lake: DuckDBPyConnection) -> str:
    """The page with the answers of this lake."""

    def whole(found: re.Match[str]) -> str:
        return f"### {found['title']}\n\n```sql\n{found['sql']}```\n\n```text\n{answer(lake, found['sql'])}```\n"

    return _QUESTION.sub(whole, PAGE.read_text())


if __name__ == "__main__":
    with TemporaryDirectory() as folder, connect(make(Path(folder))) as lake:
        PAGE.write_text(answered(lake))
