"""A lake is bound to one environment, its accounts to the exchange's uids, and to what this binlake understands."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
from support.lakes import candle_series, put

from connectors.lake import Lake, Stale
from schemas.datasets.market import PRICES
from schemas.model.errors import AccessRefused, CorruptData, Problem, UsageProblem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "lake"


def test_a_lake_is_bound_for_life(path: Path) -> None:
    """The environment of the first opening is the only one; reading needs none."""
    assert Lake.open(path, "live").environment == "live"
    assert Lake.open(path, "live").environment == "live"
    with pytest.raises(UsageProblem, match=r"holds data of live, not of testnet"):
        Lake.open(path, "testnet")
    assert Lake.at(path).environment == "live"


def test_a_missing_lake_is_not_made_by_reading(path: Path) -> None:
    """Reading where nothing is says how a lake is made, and makes none."""
    with pytest.raises(UsageProblem, match="binlake run"):
        Lake.at(path)
    assert not path.exists()


def test_a_newer_format_is_refused(path: Path) -> None:
    """A lake of a later binlake is left alone."""
    Lake.open(path, "live")
    label = json.loads((path / "lake.json").read_text())
    (path / "lake.json").write_text(json.dumps(label | {"format": 2}))
    for opening in (Lake.at, lambda path: Lake.open(path, "live")):
        with pytest.raises(UsageProblem, match="Upgrade binlake"):
            opening(path)


def test_a_damaged_label_is_named(path: Path) -> None:
    """A label that is not JSON is damage, not a new lake."""
    Lake.open(path, "live")
    (path / "lake.json").write_text('{"format"')
    with pytest.raises(CorruptData, match=r"lake\.json is damaged"):
        Lake.open(path, "live")


def test_an_account_keeps_its_uid_and_its_name(path: Path) -> None:
    """A key of another account, a second name for one account, and a renamed account are refused."""
    lake = Lake.open(path, "live")
    lake.pin("main", 7)
    lake.pin("main", 7)
    lake.pin("fund", 8)
    with pytest.raises(AccessRefused, match="another exchange account"):
        lake.pin("main", 9)
    with pytest.raises(AccessRefused, match="knows as main"):
        lake.pin("renamed", 7)
    assert Lake.at(path).accounts == {"main": 7, "fund": 8}


def test_only_the_owner_may_look(path: Path) -> None:
    """Folders are 0700 and data files 0600, whatever the umask."""
    lake = Lake.open(path, "live")
    put(lake, PRICES, {"market": "spot", "symbol": "A", "observed_at": "2026-01-01"})
    folders = [lake.path, *(Path(file).parent for file in lake.table(PRICES).files())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    files = [lake.path / "lake.json", *map(Path, lake.table(PRICES).files())]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A place that is not a folder is one sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="the lake was not opened"):
        Lake.open(tmp_path / "file" / "lake", "live")


def test_problems_travel_between_processes() -> None:
    """A refusal names its series also after pickling."""
    assert pickle.loads(pickle.dumps(Stale(frozenset({candle_series()})))).series == {candle_series()}  # noqa: S301 - our own bytes


def test_what_lies_about_closes_no_lake(path: Path) -> None:
    """A folder that another program, or a killed one, left in the lake is no draft: it stays; drafts go."""
    lake = Lake.open(path, "live")
    folder = lake.path / ".tmp-sql-12-abc"
    folder.mkdir()
    (folder / "spilled").touch()
    (lake.path / ".tmp-half").touch()
    Lake.open(path, "live")
    assert (folder / "spilled").exists()
    assert not (lake.path / ".tmp-half").exists()
