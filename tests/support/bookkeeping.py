"""Journals given to the programs that are to read them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from beancount import loader
from beancount.core.data import Balance
from duckdb import DuckDBPyConnection

from pipelines.cli.journals import JournalFormat, journal

FORMS: tuple[JournalFormat, ...] = ("beancount", "hledger")
_ASSERTED = {"beancount": " balance ", "hledger": " = "}


def accepted(connection: DuckDBPyConnection, form: JournalFormat, folder: Path) -> int:
    """How many balances a program found right in the journal of a session; it must have no complaint."""
    lines = list(journal(connection, form))
    if form == "beancount":
        balances(lines)
    else:
        check(lines, folder)
    return sum(_ASSERTED[form] in line for line in lines)


def balances(lines: Iterable[str]) -> list[Balance]:
    """The balances that beancount found right; it must have no complaint."""
    entries, errors, _ = loader.load_string("\n".join(lines))
    assert errors == []
    return [entry for entry in entries if isinstance(entry, Balance)]


def check(lines: Iterable[str], folder: Path) -> None:
    """Have hledger check a journal with all its assertions; in CI it must be there."""
    hledger = shutil.which("hledger")
    if hledger is None and not os.environ.get("CI"):
        pytest.skip("hledger is not installed")
    book = folder / "main.journal"
    book.write_text("\n".join(lines))
    done = subprocess.run([hledger or "hledger", "check", "-f", book], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
