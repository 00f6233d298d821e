"""Files of several GB are read in blocks: what is in memory depends on the block, never on the file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
from support.archive_zips import csv_of, zip_of

from connectors.binance.archive.blocks import BLOCK, texts
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.streamed import Seen, Streamed
from connectors.binance.archive.trades import rows_of
from connectors.binance.archive.zip import Defect, unpacked
from schemas.datasets.archive import Reason
from schemas.datasets.archived import BOOK_TICKER_UPDATES
from schemas.datasets.trades import AGG_TRADES

MONTH = ArchiveFile.of(AGG_TRADES, "2024-05", market="usdm", symbol="BTCUSDT")
LINE = b"%012d,1.5,2,1,1,1714521600000,true\n"
PIECE = 2**22  # of unpacked text, by which a block may be longer


def test_lines_come_whole_in_blocks_of_bounded_size() -> None:
    """Blocks of a long file, one after another, are its lines, each block whole lines and no longer than it may be."""
    content = MONTH.layout.header.encode() + b"\n" + b"".join(LINE % number for number in range(600_000))
    blocks = list(texts(zip_of(content, MONTH), MONTH))
    assert b"".join(blocks) == content.partition(b"\n")[2]
    assert len(blocks) == 2
    assert all(block.endswith(b"\n") and len(block) < BLOCK + PIECE for block in blocks)


def test_unpacking_takes_no_more_memory_than_a_piece() -> None:
    """A zip of 40 MB that are packed a thousandfold comes in pieces, of which none is larger than it may be."""
    packed = zip_of(bytes(40 << 20), MONTH)
    tracemalloc.start()
    size = sum(len(piece) for piece in unpacked(packed, f"{MONTH.stem}.csv", 2**40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 40 << 20
    assert peak < 4 * PIECE


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    """A file that is one line of 40 MB is a file of bad rows."""
    packed = zip_of(b"1" * (40 << 20), MONTH)
    tracemalloc.start()
    with pytest.raises(Defect) as caught:
        list(texts(packed, MONTH))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason is Reason.BAD_ROW
    assert peak < 3 * BLOCK


@pytest.mark.parametrize("content", [b"", b"\n", MONTH.layout.header.encode() + b"\n"])
def test_a_file_without_a_row_is_named_so(content: bytes) -> None:
    """Nothing, a blank line and a header alone are empty files."""
    with pytest.raises(Defect) as caught:
        list(texts(zip_of(content, MONTH), MONTH))
    assert caught.value.reason is Reason.EMPTY


@pytest.mark.parametrize("price", [b"1.7e+3", b"1.7E+3", b"17e2"])
def test_a_rounded_price_is_no_price(price: bytes) -> None:
    """A number that a spreadsheet wrote is not taken for what it may have been."""
    lines = b"".join(LINE % number for number in range(3))
    with pytest.raises(Defect):
        rows_of(lines.replace(b"1.5", price, 1), MONTH)


DAY = ArchiveFile.of(BOOK_TICKER_UPDATES, "2024-01-15", market="usdm", symbol="ETHUSDT")
MIDNIGHT_MS = 1_705_276_800_000


def _updates(ids: Iterable[int]) -> list[str]:
    """Rows as they are printed, a millisecond apart."""
    return [f"{one},2474.30000000,6.00900000,2474.31,44.757,{MIDNIGHT_MS + one},{MIDNIGHT_MS + one + 5}" for one in ids]


def _read(lines: Iterable[str]) -> tuple[list[list[int]], Streamed]:
    streamed = Streamed(zip_of(csv_of(lines), DAY), DAY)
    return [part["update_id"].to_pylist() for part in streamed], streamed


def test_a_file_dealt_out_of_two_comes_whole_and_once() -> None:
    """Where the rows of the evening stand between those of the morning, and some twice, each id comes once (D2)."""
    count = 140_000
    dealt = np.stack([np.arange(count), np.arange(count) + 10 * count], axis=1).ravel()
    again = [3, 4, 10 * count + 7]
    parts, streamed = _read(_updates([*dealt.tolist(), *again]))
    assert len(parts) > 1
    assert sorted(one for part in parts for one in part) == sorted(dealt.tolist())
    assert (streamed.rows, streamed.dropped_duplicates, streamed.told) == (2 * count, len(again), None)
    assert all(part == sorted(part) for part in parts)


def test_an_odd_line_costs_its_row_and_is_named() -> None:
    """A line that was cut, and a row of another day, are left out; the others stay."""
    late = f"9,1,1,1,1,{MIDNIGHT_MS + 86_400_000},{MIDNIGHT_MS + 86_400_000}"
    parts, streamed = _read([*_updates([1, 2]), "3,2474.3", late])
    assert parts == [[1, 2]]
    assert streamed.told is not None
    assert "2474.3" in streamed.told
    assert "of another time" in streamed.told


def test_headers_and_microseconds_are_seen_for_what_they_are() -> None:
    """With or without its header, in milliseconds or microseconds: the instants are the same."""
    told = [DAY.layout.header, *_updates([1, 2])]
    fine = [f"{line[: line.rfind(str(MIDNIGHT_MS)[:8])]}{(MIDNIGHT_MS + 6) * 1000}" for line in _updates([1])]
    assert _read(told)[0] == _read(told[1:])[0] == [[1, 2]]
    [part] = Streamed(zip_of(csv_of(fine), DAY), DAY)
    assert part["event_time"].cast("int64").to_pylist() == [(MIDNIGHT_MS + 6) * 1000]


def test_what_is_remembered_is_bounded() -> None:
    """Ids are forgotten where they are too many; one that lies among those is refused, not taken for new."""
    seen = Seen(most=100)
    for first in range(0, 1000, 50):
        assert not seen.again(np.arange(first, first + 50)).any()
    assert seen.again(np.array([950, 1000])).tolist() == [True, False]
    with pytest.raises(Defect, match="goes back by more than 100 rows, to id 3"):
        seen.again(np.array([3]))
