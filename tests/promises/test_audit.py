"""`make audit` tells a vulnerability from an index that did not answer."""

import json
import stat

import pytest

from tests.audit import LOCKS, answer, main

SOUND = {"dependencies": [{"name": "uv", "version": "1", "vulns": []}]}
UNKNOWN = {"dependencies": [*SOUND["dependencies"], {"name": "left", "skip_reason": "not found"}]}
FLAW = {"id": "PYSEC-1", "fix_versions": ["3"], "aliases": [], "description": ""}


@pytest.fixture
def tool(tmp_path):
    """A program in place of pip-audit that prints these words."""

    def program(out: str, err: str = "", code: int = 0) -> str:
        path = tmp_path / "pip-audit"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{out}\nEND\necho '{err}' >&2\nexit {code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return program


def test_sound_packages_pass(tool, capsys):
    """Where nothing is known against any package, each lock is named and the exit code is 0."""
    assert main([tool(json.dumps(SOUND))]) == 0
    assert capsys.readouterr().out.count("1 of 1 packages audited, no vulnerability found.") == len(LOCKS)


def test_what_the_index_does_not_know_is_not_called_sound(tool, capsys):
    """A package that the index does not know is named, and not counted as audited."""
    assert main([tool(json.dumps(UNKNOWN))]) == 0
    assert "1 of 2 packages audited" in (said := capsys.readouterr().out)
    assert "the index does not know left." in said


def test_a_vulnerability_fails_by_name(tool, capsys):
    """A package with a known vulnerability is named with the version that mends it, and the exit code is 1."""
    flawed = {"dependencies": [{"name": "left-pad", "version": "2", "vulns": [FLAW]}]}
    assert main([tool(json.dumps(flawed), code=1)]) == 1
    assert "left-pad 2: PYSEC-1, mended in 3" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["", "{}", "[]", "null", "no JSON"])
def test_no_answer_is_said_and_is_no_failure(out, tool, capsys):
    """Where no index answered, that is said with the reason, and nothing is claimed."""
    assert main([tool(out, "ERROR: connection refused", 1)]) == 0
    said = capsys.readouterr().out
    assert said.count("not audited") == len(LOCKS)
    assert "connection refused" in said
    assert answer(out) is None
