"""The documents and the code tell the same story."""

import re
from pathlib import Path

import pytest

from pipelines.cli.app import app
from pipelines.context.receipts import PRECEDENCE

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PLACE = re.compile(r"`([\w/]+/\w+\.py)(?::(\w+))?`")  # a file, or what it defines
VERBS = [name for name in app if not name.startswith("-")]

if not README.exists():
    pytest.skip("there is no README yet", allow_module_level=True)


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_in_the_readme(verb):
    """A reader finds each verb where the commands are listed."""
    assert f"| `binlake {verb}" in README.read_text()


def test_every_exit_code_is_in_the_readme():
    """Whoever writes a script finds what each exit code means."""
    _, _, codes = README.read_text().partition("Exit codes:")
    paragraph = codes.partition("\n\n")[0]
    assert [code for code in PRECEDENCE if f"{code} " not in paragraph] == []


def test_every_option_named_in_the_readme_exists():
    """No option of a command in the README's table is invented."""
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `binlake ")]
    unknown = [
        f"{verb} {word}"
        for line in rows
        for verb in [line.split()[2].strip("`")]
        for word in line.replace("`", " ").split()
        if word.startswith("--") and word not in options(verb)
    ]
    assert unknown == []


def options(verb):
    verbs = [app[verb], *(app[verb][name] for name in app[verb] if not name.startswith("-"))]
    collections = [each.assemble_argument_collection() for each in verbs if each.default_command is not None]
    return {name for arguments in collections for argument in arguments for name in argument.names}


@pytest.mark.parametrize(("page", "least"), [("CONTRIBUTING.md", 40), ("SECURITY.md", 20)])
def test_every_place_that_a_page_names_exists(page, least):
    """Files, functions and tests that a page points to can be found there."""
    named = PLACE.findall((ROOT / page).read_text())
    lost = [f"{file}:{name}" for file, name in named if not defined(ROOT / file, name)]
    assert len(named) > least
    assert lost == []


def defined(file, name):
    return file.exists() and (not name or re.search(rf"^(async )?(def|class) {name}\b", file.read_text(), re.MULTILINE))


def test_contributing_names_every_folder_of_code():
    """Its tree has each room of the three floors, and none that is not there."""
    _, _, behind = (ROOT / "CONTRIBUTING.md").read_text().partition("```\n")
    named = set(re.findall(r"\b(\w+)/", behind.partition("```")[0]))
    floors = {"schemas": 1, "connectors": 2, "pipelines": 1}
    folders = {
        folder.name
        for floor, depth in floors.items()
        for level in range(depth)
        for folder in (ROOT / floor).glob("/".join(["*"] * (level + 1)) + "/")
        if not folder.name.startswith("_")
    }
    ours = {"tests", "promises", "support", "cassettes", "clients", "crash", "bench"}
    assert named - ours == folders | set(floors)
