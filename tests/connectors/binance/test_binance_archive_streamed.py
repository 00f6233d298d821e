"""Files of several GB are read in blocks: what is in memory depends on the block, never on the file."""

from __future__ import annotations

import tracemalloc

import pytest
from support.archive_zips import zip_of

from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.trades import BLOCK, rows_of, texts
from connectors.binance.archive.zip import Defect, unpacked
from schemas.datasets.archive import Reason
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
