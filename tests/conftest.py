"""What every test stands on: a clean environment, recorded data where there is some, and a served simulator."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from connectors.simulator import Exchange, MovableClock, serve

pytest_plugins = ["support.desk_fixtures", "support.tables"]

_HOST_VARIABLES = ("PREFECT_", "BINLAKE_", "BINANCE_", "XDG_")
_RECORDED = "BINLAKE_DATA"  # where recorded data lies; read before the environment is cleaned
_RECORDED_AT = Path(os.environ.get(_RECORDED) or Path(__file__).parents[2] / "shared" / "data")

# Folders of tests lie in memory where there is room: durable writes, of which tests make many, cost next to nothing
# there, and no test cuts the power.
_IN_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 2 * 1024**3  # noqa: S108 - pytest makes a private folder in it
if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))

# JupyterLab brings it along: a parser that Prefect, which nobody needs it for, would build for two seconds on import.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

_LONG = [Path(__file__).parent / folder for folder in ("promises", "crash")]

settings.register_profile("binlake", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("binlake")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of half a minute come first: one that begins last would leave all workers but its own without work."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in _LONG))


@pytest.fixture(scope="session", autouse=True)
def _lean_processes() -> Iterator[None]:
    """Processes that tests start import what those of a user import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "support" / "lean"), prepend=os.pathsep)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # of containers: each would compile all it imports
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the host's settings reaches a test, and no test writes into the user's folders."""
    for name in os.environ:
        if name.startswith(_HOST_VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder of a test, below a name that URLs, SQL and partitioned readers all read in ways of their own."""
    folder = tmp_path / "it's 100% a=1 lake é"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded real answers and archive files."""
    if not (_RECORDED_AT / "MANIFEST.md").is_file():
        pytest.skip(f"recorded data is not there: {_RECORDED_AT} (set {_RECORDED} to its folder)")
    return _RECORDED_AT


@pytest.fixture
def clock() -> MovableClock:
    """The exchange's clock: 2026-11-02 12:00:30.250 UTC until a test moves it."""
    return MovableClock(1_793_620_830.25)


@pytest.fixture
def exchange(clock: MovableClock) -> Exchange:
    """An exchange whose time stands still."""
    return Exchange(seed=1, clock=clock)


@pytest.fixture
async def exchange_url(exchange: Exchange) -> AsyncIterator[str]:
    """The address of that exchange, served in the test's own event loop."""
    async with serve(exchange) as url:
        yield url
