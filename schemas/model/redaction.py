"""Keys that were pasted where none belongs do not show in what is said about it.

The exchange's keys and the base64 of private keys mix upper case and digits at random. Words, symbols, paths and
lower-case hashes, which are printed on purpose, do not; they stay readable.
"""

from __future__ import annotations

import re
from itertools import pairwise

_LEFT = 4  # letters that stay, so that a person finds the place
_UNBROKEN = re.compile(r"(?=[a-z0-9]*[A-Z])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{32,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
# Of neighbours in base64, 62 of 100 are of different kinds; in paths and names at most 41 were found.
_CHANGES = 0.42
_UPPER_CASE = 0.15


def without_keys(text: str) -> str:
    """The text with everything that looks like a key cut down to its first letters."""
    return _UNBROKEN.sub(_cut, _BASE64.sub(_cut_random, text))


def _cut(found: re.Match[str]) -> str:
    return f"{found[0][:_LEFT]}…"


def _cut_random(found: re.Match[str]) -> str:
    run = found[0]
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(run))
    random = changes > _CHANGES * len(run) and sum(map(str.isupper, run)) > _UPPER_CASE * len(run)
    return _cut(found) if random else run


def _kind(letter: str) -> int:
    return letter.isupper() + 2 * letter.isdigit() + 4 * (not letter.isalnum())
