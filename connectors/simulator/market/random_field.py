"""Numbers that look random and are a pure function of (key, n), for whole arrays at once.

Only integer hashing and the four operations are used, so the same seed gives the same market everywhere.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_Bits = npt.NDArray[np.uint64]
Key = np.uint64 | _Bits  # of one stream, or of many as a column: then each has a row of numbers

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


def key_of(*parts: object) -> np.uint64:
    """The key of a stream of numbers, such as one quantity of one symbol under one seed."""
    text = "\x1f".join(map(str, parts)).encode()
    return np.uint64(int.from_bytes(blake2b(text, digest_size=8).digest(), "little"))


def _bits(key: Key, n: npt.NDArray[Any]) -> _Bits:
    """64 well-mixed bits for each n (the finaliser of SplitMix64)."""
    z = n.astype(np.uint64) * _GOLDEN + key
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


def uniform(key: Key, n: Ints) -> Floats:
    """Independent numbers in [0, 1)."""
    return (_bits(key, n) >> np.uint64(11)).astype(np.float64) * _UNIT


def smooth(key: Key, n: Ints, period: int) -> Floats:
    """A continuous wandering in [-1, 1) whose bends lie about `period` apart."""
    cell = n // period
    first = int(cell.min())
    lattice = uniform(key, np.arange(first, int(cell.max()) + 2, dtype=np.int64)) * 2.0 - 1.0
    here = cell - first
    part = (n - cell * period) / float(period)
    weight = part * part * (3.0 - 2.0 * part)
    left: Floats = lattice[..., here]
    return left + (lattice[..., here + 1] - left) * weight
