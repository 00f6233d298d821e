"""Files of trades, read while they are unpacked: a month of them may have several GB.

A zip is verified before any row of it is seen. Its text comes in blocks, which are parsed side by side and handed out
in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.blocks import texts
from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.csv import columns_of, instants_of, parsed, repeated, widened, without
from connectors.binance.archive.digits import lined_up
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.zip import Defect
from schemas.datasets.archive import Reason
from schemas.model.fields import DECIMALS, FLAG, TIME
from schemas.model.grid import DAY_US

_SIDE_BY_SIDE = 2  # blocks that are parsed while another is unpacked

Part = pa.Table | Fetched


async def stream(archive: Archive, fetched: Fetched, body: IO[bytes]) -> AsyncGenerator[Part, None]:
    """The rows of a file that came, table by table as they are printed, and at the end what became of the file."""
    if fetched.reason is not None:
        yield replace(fetched, is_whole=False)
        return
    rows, left_out = 0, list[str]()
    try:
        async for table, odd in _tables(archive, texts(body, fetched.file), fetched.file):
            rows += table.num_rows
            left_out += [odd.detail] if odd is not None else []
            yield table
    except Defect as defect:
        yield replace(fetched, streamed=rows, is_whole=False, reason=defect.reason, detail=defect.detail)
        return
    told = f"left out {'; '.join(left_out)}" if left_out else None
    yield replace(fetched, streamed=rows, reason=Reason.BAD_ROW if left_out else None, detail=told)


async def _tables(
    archive: Archive, blocks: Iterator[bytes], file: ArchiveFile
) -> AsyncGenerator[tuple[pa.Table, Defect | None], None]:
    """Each block of text as a table, in order, while the next one is unpacked."""
    parsing: deque[asyncio.Future[tuple[pa.Table, Defect | None]]] = deque()
    ahead = asyncio.ensure_future(archive.aside(next, blocks, b""))
    try:
        while text := await ahead:
            parsing.append(asyncio.ensure_future(archive.aside(rows_of, text, file)))
            if len(parsing) > _SIDE_BY_SIDE:
                yield await parsing.popleft()
            ahead = asyncio.ensure_future(archive.aside(next, blocks, b""))
        while parsing:
            yield await parsing.popleft()
    finally:
        left = [ahead, *parsing]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def rows_of(text: bytes, file: ArchiveFile) -> tuple[pa.Table, Defect | None]:
    """The rows of a block with the dataset's schema, and what is said of a few lines that are none; raises Defect."""
    printed, odd = _plain(text, file), None
    if printed is None:
        printed, odd = parsed(text, file.layout)
    times = instants_of(printed["time"])
    far = (times < file.since_us - DAY_US) | (times >= file.until_us + DAY_US)
    printed, outside = without(printed, far, Reason.OUTSIDE_PERIOD, "of another time, the first at", times)
    count, dataset = printed.num_rows, file.series.dataset
    columns: dict[str, Any] = {name: repeated(value, count) for name, value in file.series.values.items()}
    for column in dataset.columns:
        if column.type is TIME:
            columns[column.name] = pa.array(instants_of(printed[column.name])).cast(TIME.arrow)
        elif column.name in printed.schema.names:
            columns[column.name] = widened(printed[column.name], column.type.arrow)
        elif column.name not in columns:
            columns[column.name] = pa.nulls(count, column.type.arrow)  # type: ignore[call-overload]
    return pa.table([columns[name] for name in dataset.schema.names], schema=dataset.schema), odd or outside


def _plain(text: bytes, file: ArchiveFile) -> pa.Table | None:
    """The columns as they are printed where lines are alike, or as Arrow's reader reads them where they mean that.

    It takes 1.7E+12 for a price: each flag has one `e`, and any other would be an exponent.
    """
    layout = file.layout
    if (lined := lined_up(text, layout)) is not None:
        return lined
    if b"E" in text:
        return None
    try:
        printed = columns_of(text, layout)
    except pa.ArrowInvalid:
        return None
    columns = [layout.dataset.column(name) for name in layout.read]
    flags = sum(column.type is FLAG for column in columns)
    if np.count_nonzero(np.frombuffer(text, np.uint8) == ord("e")) != flags * printed.num_rows:
        return None
    if b"-" in text and any(_below_zero(printed[one.name]) for one in columns if one.type in DECIMALS):
        return None
    return printed


def _below_zero(values: pa.ChunkedArray[Any]) -> bool:
    lowest = pc.min(values).as_py()
    return lowest is not None and lowest < 0
