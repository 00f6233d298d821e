"""Every kind of file of a lake, damaged in every way: an answer is as before, or the damage is named with a way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.lakes import put, small_lake

from connectors.lake import Lake
from connectors.lake.log.reported import NAME as REPORTED
from pipelines.quality.checks import run_checks
from schemas.datasets.market import KLINES, PRICES
from schemas.derived.queries import FILES_INTACT
from schemas.model.errors import CorruptData

SERIES = "spot/BTCUSDT/1m"
COMMITS = 4
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two tables; that of the candles has a checkpoint amid its entries."""
    lake = small_lake(tmp_path_factory.mktemp("whole"))
    put(lake, PRICES, {"market": "spot", "symbol": "BTCUSDT", "observed_at": "2026-01-01"})
    for number in range(COMMITS):
        row = {"market": "spot", "symbol": "BTCUSDT", "interval": "1m", "close_time": "2026-01-01"}
        minute = f"2026-01-01T00:0{number}"
        until = {SERIES: f"2026-01-01T00:0{number + 1}"}
        since = {"since": {SERIES: "2026-01-01"}} if not number else {}
        put(lake, KLINES, row | {"open_time": minute}, until=until, **since)
        if number == 1:
            lake.table(KLINES).maintain()
    return lake.path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    for path in whole.rglob("*"):
        target = tmp_path / path.relative_to(whole)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path


def _entry(lake: Path, version: int) -> Path:
    return lake / "klines" / "_delta_log" / f"{version:020}.json"


FILES: dict[str, Callable[[Path], Path]] = {
    "data file": lambda lake: min((lake / "klines").rglob("*=2026-01/*.parquet")),
    "newest entry": lambda lake: _entry(lake, COMMITS),
    "entry above the checkpoint": lambda lake: _entry(lake, COMMITS - 1),
    "entry of the checkpoint": lambda lake: _entry(lake, 2),
    "entry below the checkpoint": lambda lake: _entry(lake, 1),
    "first entry": lambda lake: _entry(lake, 0),
    "checkpoint": lambda lake: min((lake / "klines" / "_delta_log").glob("*.checkpoint.parquet")),
    "hint": lambda lake: lake / "klines" / "_delta_log" / "_last_checkpoint",
    "sums": lambda lake: lake / "klines" / "_delta_log" / REPORTED,
    "label": lambda lake: lake / "lake.json",
}


def _truncations(content: bytes) -> Iterator[bytes]:
    yield from (b"", content[: len(content) // 2], content[:-1])


def _flips(content: bytes) -> Iterator[bytes]:
    for place in range(3, len(content), max(1, len(content) // 6)):
        yield content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], Iterator[bytes | None]]] = {
    "truncated": _truncations,
    "zeroed": lambda content: iter([b"\0" * len(content), content[:-64] + b"\0" * 64]),
    "flipped": _flips,
    "deleted": lambda _: iter([None]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", FILES)
def test_no_damage_changes_an_answer_in_silence(kind: str, damage: str, copied: Path) -> None:
    """Rows and bounds are those that were committed, or the damage is named; `check` finds what a query may not."""
    path = FILES[kind](copied)
    content = path.read_bytes()
    original = {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()}
    for damaged in DAMAGES[damage](content):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        _holds(copied, kind)
        for file in {*copied.rglob("*")} - original.keys():
            file.unlink() if file.is_file() else None
        for file, before in original.items():
            file.write_bytes(before)


def _holds(lake: Path, kind: str) -> None:
    try:
        opened = Lake.at(lake)
    except CorruptData as problem:
        said = str(problem)
        assert kind == "label"
    else:
        [intact] = run_checks(opened, [], NOW, [FILES_INTACT])
        assert opened.table(PRICES).scan().num_rows == 1
        said = _answer(opened)
        assert intact.passed == (kind != "data file" and not (said and "log" in said))
    assert not said or "Restore" in said


def _answer(lake: Lake) -> str:
    """What reading the candles came to: how the damage is told, or nothing, and they are as before."""
    table = lake.table(KLINES)
    try:
        minutes = [moment.minute for moment in table.scan(["open_time"]).sort_by("open_time")["open_time"].to_pylist()]
        bounds = table.bounds()
    except CorruptData as problem:
        return str(problem)
    assert minutes == list(range(COMMITS))
    assert bounds[f"{SERIES}#revision"] == COMMITS
    return ""
