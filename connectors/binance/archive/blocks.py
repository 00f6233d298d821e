"""The text of a file that may have several GB, in blocks of whole lines, on which the memory depends alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from connectors.binance.archive.csv import header_cut
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.zip import Defect, unpacked
from schemas.datasets.archive import Reason

BLOCK = 12 * 2**20  # bytes of text, some 200,000 rows
MOST_PACKED = 16 * 2**30
_MOST_BYTES = 128 * 2**30


def texts(packed: IO[bytes], file: ArchiveFile) -> Iterator[bytes]:
    """The lines of a file in blocks of BLOCK bytes and a little more, without its header; raises Defect."""
    seen = False
    for block in _blocks(unpacked(packed, f"{file.stem}.csv", _MOST_BYTES)):
        text = block if seen else header_cut(block, file.layout)
        seen = True
        if text and not text.isspace():
            yield text


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Text in blocks of whole lines, at least one; raises Defect for a line that is longer than a block."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK and (end := piece.rfind(b"\n") + 1):
            held[-1] = piece[:end]
            yield b"".join(held)
            held, size = [piece[end:]], len(piece) - end
        elif size >= 2 * BLOCK:
            raise Defect(Reason.BAD_ROW, f"has a line of more than {BLOCK:,} bytes")
    yield b"".join(held)
