"""QUESTIONS.md: what analysts ask, with the answers of a simulated exchange."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from questions import answer, questions
from support.question_lake import make

from pipelines import connect

QUESTIONS = list(questions())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flows.yaml and the lake that the questions are asked of."""
    return make(tmp_path_factory.mktemp("questions")).parent


@pytest.fixture(scope="module")
def lake(home: Path) -> Iterator[DuckDBPyConnection]:
    with connect(home / "flows.yaml") as connection:
        yield connection


def test_there_are_twenty_questions() -> None:
    """The page holds as many questions as its title says, numbered in order."""
    assert [title.partition(".")[0] for title, _, _ in QUESTIONS] == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize(("sql", "printed"), [each[1:] for each in QUESTIONS], ids=[each[0] for each in QUESTIONS])
def test_a_question_has_the_answer_that_is_printed(sql: str, printed: str, lake: DuckDBPyConnection) -> None:
    """Each SQL of the page runs as it stands and prints what stands below it."""
    assert answer(lake, sql) == printed
