"""The documents and the code tell the same story."""

import re
from pathlib import Path

import pytest

from pipelines.cli.app import app
from pipelines.context.receipts import _PRECEDENCE

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PLACE = re.compile(r"`([\w/]+/\w+\.py)(?::(\w+))?`")  # of CONTRIBUTING.md: a file, or what it defines
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
    assert [code for code in _PRECEDENCE if f"{code} " not in paragraph] == []


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
    return {name for argument in app[verb].assemble_argument_collection() for name in argument.names}


def test_every_place_named_for_contributors_exists():
    """Files, functions and tests that CONTRIBUTING.md points to can be found there."""
    named = PLACE.findall((ROOT / "CONTRIBUTING.md").read_text())
    lost = [f"{file}:{name}" for file, name in named if not defined(ROOT / file, name)]
    assert len(named) > 40
    assert lost == []


def defined(file, name):
    return file.exists() and (not name or re.search(rf"^(async )?(def|class) {name}\b", file.read_text(), re.MULTILINE))
