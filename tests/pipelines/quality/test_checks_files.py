"""`check` reads data files too: bit rot is found, at a bounded cost, and costs no other check its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lakes import at, put, small_lake

from connectors.lake import Lake
from connectors.lake.files.intact import GOOD_FOR, inspect
from connectors.lake.files.snapshot_files import LiveFile
from pipelines.quality.checks import run_checks
from schemas.datasets.market import KLINES, PRICES
from schemas.derived.queries import FILES_INTACT

NOW = at("2026-01-05")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three files of prices, of a day each, and one of candles."""
    lake = small_lake(tmp_path)
    for day in range(1, 4):
        put(lake, PRICES, {"market": "spot", "symbol": "BTCUSDT", "observed_at": f"2026-01-0{day}"})
    row = {"market": "spot", "symbol": "BTCUSDT", "interval": "1d", "open_time": "2026-01-01"}
    put(lake, KLINES, row | {"close_time": "2026-01-02"})
    return lake


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [40, -30])
def test_a_flipped_bit_is_found(place: int, lake: Lake) -> None:
    """One bit of a page or of the footer, which queries may well serve as a number, fails the check by file."""
    damaged = Path(lake.table(PRICES).files()[1])
    flip(damaged, place)
    [result] = run_checks(lake, [], NOW, [FILES_INTACT])
    assert (result.severity, result.offending_rows) == ("error", 1)
    assert json.loads(result.sample[0]) == {"file": str(damaged), "what": "is not what was written"}


def test_a_file_without_a_checksum_in_its_name_is_read_to_its_end(tmp_path: Path) -> None:
    """Files of earlier versions are held against the checksums of their pages."""
    path = tmp_path / "old.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path, write_page_checksum=True, compression="none")
    file = LiveFile(path.name, path.stat().st_size, 1000, 0, {}, {}, {}, {})
    assert not inspect(tmp_path, [file], tmp_path / "notes", NOW, 10**9).defects
    flip(path, 100)
    assert not inspect(tmp_path, [file], tmp_path / "notes", NOW, 10**9).defects  # read a moment ago
    again = inspect(tmp_path, [file], tmp_path / "notes", NOW + 2 * GOOD_FOR, 10**9)
    assert again.defects == {str(path): "cannot be read to its end"}


def test_a_run_reads_no_more_than_its_share(lake: Lake) -> None:
    """Each look reads the files that were not read for longest, until all were; after a month it begins again."""
    table = lake.table(PRICES)
    assert [table.inspect(NOW, 1).fresh for _ in range(4)] == [1, 2, 3, 3]
    assert table.inspect(NOW, 1).read_bytes == 0
    assert table.inspect(NOW + GOOD_FOR + timedelta(seconds=1), 1).fresh == 1


def test_a_missing_file_is_named_without_reading(lake: Lake) -> None:
    """That every file is there and has its length is looked at each time."""
    run_checks(lake, [], NOW, [FILES_INTACT])
    missing, longer, _ = map(Path, lake.table(PRICES).files())
    missing.unlink()
    longer.write_bytes(longer.read_bytes() + b" ")
    [result] = run_checks(lake, [], NOW, [FILES_INTACT])
    found = {json.loads(row)["file"]: json.loads(row)["what"] for row in result.sample}
    assert found[str(missing)] == "is missing"
    assert "when it was written" in found[str(longer)]


def a_folder_for(path: Path) -> None:
    """Have the disk refuse to read a file."""
    path.unlink()
    path.mkdir()


def spoilt(path: Path) -> None:
    path.write_bytes(b"{")


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (a_folder_for, "data"),
        (spoilt, "log"),
        *(pytest.param(*one, marks=pytest.mark.soak) for one in ((a_folder_for, "log"), (spoilt, "data"))),
    ],
)
def test_a_table_that_cannot_be_read_is_not_checked(damage: Callable[[Path], None], place: str, lake: Lake) -> None:
    """Its checks neither pass nor fail, and name it; what promises nothing about it is checked all the same."""
    log = lake.path / PRICES.table / "_delta_log" / f"{0:020}.json"
    damage(log if place == "log" else Path(lake.table(PRICES).files()[0]))
    results = {result.name: result for result in run_checks(Lake.at(lake.path), [], NOW)}
    for name in ("prices_unique_key", "prices_not_null"):
        assert (results[name].passed, results[name].offending_rows, results[name].breaks()) == (False, 0, True)
        assert str(lake.path / PRICES.table) in (results[name].not_checked or "")
    assert not results[FILES_INTACT].passed
    told = [*results[FILES_INTACT].sample, results[FILES_INTACT].not_checked or ""]
    assert str(lake.path / PRICES.table) in "".join(told)
    assert results["klines_unique_key"].passed
    assert results["ohlc_sane"].passed


def test_a_damaged_table_keeps_no_other_from_being_checked(lake: Lake) -> None:
    """Checks that need the table are unanswered with its name, and all others are answered."""
    damaged = Path(lake.table(PRICES).files()[0])
    damaged.write_bytes(b"no Parquet")
    results = {result.name: result for result in run_checks(lake, [], NOW)}
    assert damaged.name in (results["prices_unique_key"].not_checked or "")
    assert results["prices_unique_key"].breaks()
    assert results["klines_unique_key"].passed
    assert results["ohlc_sane"].passed


def test_a_file_that_the_disk_refuses_is_not_called_damaged(lake: Lake) -> None:
    """What is wrong with other files is found all the same, and both are told."""
    refused, missing, _ = map(Path, lake.table(PRICES).files())
    refused.rename(refused.with_name("elsewhere"))
    refused.symlink_to(refused.name)
    [result] = run_checks(lake, [], NOW, [FILES_INTACT])
    assert (result.offending_rows, result.breaks()) == (0, True)
    assert f"Could not read {refused}" in (result.not_checked or "")
    missing.unlink()
    [result] = run_checks(lake, [], NOW, [FILES_INTACT])
    assert [json.loads(row)["file"] for row in result.sample] == [str(missing)]
    assert str(refused) in (result.not_checked or "")
