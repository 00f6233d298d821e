"""Lines as JSON, by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

_encoder = msgspec.json.Encoder()


def json_lines(names: Sequence[str], lines: Iterable[Sequence[str]]) -> pa.Array[Any]:
    """Each line as an object."""
    objects = [dict(zip(names, fields, strict=True)) for fields in lines]
    encoded = _encoder.encode_lines(objects).split(b"\n")[: len(objects)]  # a line's own breaks are escaped
    return pa.array(encoded, pa.binary()).cast(pa.string())


def unique(names: Iterable[str]) -> list[str]:
    """The names of columns, those that stand there twice with their number."""
    seen: list[str] = []
    for each in map(str.strip, names):
        count = sum(other.partition(" #")[0] == each for other in seen) + 1
        seen.append(each if count == 1 else f"{each} #{count}")
    return seen
