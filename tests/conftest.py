"""What every floor's tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of other people's recordings of the exchange; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("BINLAKE_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "MANIFEST.md").exists():
        pytest.skip(f"no recorded data at {folder}; set BINLAKE_DATA")
    return folder
