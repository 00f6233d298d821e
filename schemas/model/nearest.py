"""Which word was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that is closest, whatever its case; None when none is close."""
    spelled: dict[str, str] = {}
    for each in valid:
        spelled.setdefault(each.casefold(), each)
    found = get_close_matches(word.casefold(), spelled, n=1)
    return spelled[found[0]] if found else None


def did_you_mean(word: str, valid: Iterable[str], otherwise: str = "") -> str:
    """The question whether the closest valid word was meant; `otherwise` when none is close."""
    found = nearest(word, valid)
    return f"Did you mean {found}?" if found else otherwise
