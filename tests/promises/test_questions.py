"""What analysts do with a lake: the questions of QUESTIONS.md, the notebook, and the Python of the README."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from questions import answer, questions
from support.question_lake import make

from pipelines import connect

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "pipelines" / "service" / "notebook.ipynb"
QUESTIONS = list(questions())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flows.yaml and the lake that the questions are asked of."""
    return make(tmp_path_factory.mktemp("questions")).parent


@pytest.fixture(scope="module")
def lake(home: Path) -> Iterator[DuckDBPyConnection]:
    with connect(home / "flows.yaml") as connection:
        yield connection


@pytest.fixture
def with_extras(tmp_path: Path) -> dict[str, str]:
    """The variables of a process that has pandas, unlike the others that tests start, and a home of its own."""
    places = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR")
    return os.environ | dict.fromkeys(places, str(tmp_path)) | {"PYTHONPATH": str(ROOT)}


def test_questions_are_numbered() -> None:
    """The page holds as many questions as its title says, twenty-nine, numbered in order."""
    assert [title.partition(".")[0] for title, _, _ in QUESTIONS] == [str(number) for number in range(1, 30)]


@pytest.mark.parametrize(("sql", "printed"), [each[1:] for each in QUESTIONS], ids=[each[0] for each in QUESTIONS])
def test_a_question_has_the_answer_that_is_printed(sql: str, printed: str, lake: DuckDBPyConnection) -> None:
    """Each SQL of the page runs as it stands and prints what stands below it."""
    assert answer(lake, sql) == printed


@pytest.mark.soak
def test_the_notebook_runs_on_a_lake(home: Path, with_extras: dict[str, str]) -> None:
    """Its cells run in order beside a flows.yaml, and what it saves is there."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    subprocess.run([sys.executable, "-c", code], cwd=home, env=with_extras | {"MPLBACKEND": "agg"}, check=True)
    assert (home / "results" / "four_hours.parquet").exists()


@pytest.mark.soak
def test_jupyter_runs_the_notebook(home: Path, with_extras: dict[str, str]) -> None:
    """The extra `notebook` has all that Jupyter needs to run it."""
    shutil.copy(NOTEBOOK, home)
    jupyter = Path(sys.executable).with_name("jupyter")
    subprocess.run([jupyter, "execute", "notebook.ipynb"], cwd=home, env=with_extras, check=True)


def test_the_readme_needs_no_extra(home: Path) -> None:
    """What the README shows of `connect` works after `make install`, which does not bring pandas."""
    ours, _ = python_of_the_readme()
    subprocess.run([sys.executable, "-c", ours], cwd=home, check=True)
    assert (home / "results" / "portfolio.csv").read_text().startswith("account,wallet,asset,")


def test_other_libraries_read_the_lake_as_the_readme_says(home: Path, with_extras: dict[str, str]) -> None:
    """Polars and pandas read the tables without binlake."""
    _, theirs = python_of_the_readme()
    subprocess.run([sys.executable, "-c", theirs], cwd=home, env=with_extras, check=True)


def python_of_the_readme() -> list[str]:
    return re.findall(r"^```python\n(.+?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
