"""The README followed literally: its blocks run in order, as a newcomer would paste them, against a simulated exchange."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.beside import API_KEY, SECRET, Served

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(\w*)\n(.+?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)

# What is not pasted, by how the block begins, and why.
LEFT_OUT = {
    "make demo": "`make test` would run this test again; the clone runs the demo, and so does test_demo.py",
    "binlake up": "it goes on until Ctrl-C: test_server.py",
    "import polars": "it needs the extras: test_questions.py",
    "-- DuckDB with": "DuckDB fetches that extension over the network",
}
# What is pasted with other words, because no test has the exchange, a newcomer's key, or the time for years of minutes.
REWORDED = {
    "BINANCE_API_KEY=...": f"BINANCE_API_KEY={API_KEY}",
    "BINANCE_API_SECRET=...": f"BINANCE_API_SECRET={SECRET}",
    "2020-01-01": "2026-08-01",
    "[1m]": "[1d]",
}
SET_UP = "make install && . .venv/bin/activate\n"

# A yaml block is what a newcomer types into flows.yaml, below the key that is there already.
EDIT = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
yaml, place = YAML(), Path("flows.yaml")
content = yaml.load(place)
for key, value in yaml.load(sys.stdin).items():
    content[key].update(value)
yaml.dump(content, place)
"""


@pytest.fixture
def exchange() -> Iterator[str]:
    """The address of a simulated exchange that knows the published key."""
    with Served() as served:
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        yield served.url


@pytest.mark.soak
def test_the_readme_is_followed(exchange: str, tmp_path: Path) -> None:
    """Where binlake is installed, every command, setting and snippet of the README works in the order it is printed."""
    shutil.copy(ROOT / "flows.yaml", tmp_path)
    follow(tmp_path, exchange, "", Path(sys.executable).parent)


@pytest.mark.soak
def test_the_readme_is_followed_in_a_fresh_clone(exchange: str, tmp_path: Path) -> None:
    """From `git clone` on nothing else is needed: `make demo` and `make install` set up what they use."""
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    follow(tmp_path / "clone", exchange, "make demo\n" + SET_UP)


@pytest.mark.soak
def test_the_readme_is_followed_after_uv_tool_install(exchange: str, tmp_path: Path) -> None:
    """`uv tool install .` gives the command that the README speaks of, in a folder of one's own too."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed")
    tools = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    subprocess.run([uv, "tool", "install", "-q", ROOT], env=os.environ | tools, check=True)
    (tmp_path / "own").mkdir()
    python = tmp_path / "tools" / "binlake" / "bin"
    follow(tmp_path / "own", exchange, "binlake init\n", tmp_path / "bin", python)


def test_every_exception_is_one() -> None:
    """Only what stands in the README is left out of it or reworded."""
    page = "".join(text for _, text in BLOCKS)
    assert [words for words in (*LEFT_OUT, *REWORDED, SET_UP) if words not in page] == []


def follow(folder: Path, exchange: str, set_up: str, *path: Path) -> None:
    """Paste the blocks into a shell that looks in `path` first, and pull all that flows.yaml names in the end."""
    places = {"HOME": str(folder.parent), "PATH": ":".join([*map(str, path), os.environ["PATH"]])}
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    script = "\n".join(["set -eux", set_up, pointed(exchange), *map(pasted, BLOCKS), "binlake run", "binlake check"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment | places, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def pointed(exchange: str) -> str:
    """The one line of flows.yaml that has to be another: no test reaches the exchange."""
    families = ", ".join(f"{family}: {exchange!r}" for family in ("spot", "usdm", "archive", "archive_list"))
    return f'sed -i "s#^exchange: live.*#exchange: {{{families}}}#" flows.yaml'


def pasted(block: tuple[str, str]) -> str:
    """A block as lines of the shell."""
    language, text = block
    if text.startswith(tuple(LEFT_OUT)):
        return ""
    for words, others in REWORDED.items():
        text = text.replace(words, others)
    edit = f"{shlex.quote(sys.executable)} -c {shlex.quote(EDIT)}"
    commands = {"python": "python -", "sql": "binlake query -", "yaml": edit}
    return text.replace(SET_UP, "") if language == "sh" else f"{commands[language]} <<'END'\n{text}END\n"
