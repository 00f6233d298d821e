"""What the exchange tells of other people, which is not stored."""

from __future__ import annotations

import re

WORDS = ("counterpart", "email", "mobile", "nickname", "payer", "phone", "questionnaire", "receiver")
RULE = (
    "Other people are not stored: from `extra`, the lists of movements leave out every field whose name contains "
    f"{', '.join(WORDS[:-1])} or {WORDS[-1]}, and every field that holds an e-mail address."
)

_NAMES = re.compile("|".join(WORDS))
_ADDRESS = re.compile(rb"[^\s\"@](@|\\u0040)[^\s\"@]+\.[A-Za-z]", re.IGNORECASE)


def is_personal(name: str, printed: bytes) -> bool:
    """Whether a field that no column knows, as JSON, speaks of somebody."""
    plain = name.lower().replace("_", "").replace("-", "")
    return _NAMES.search(plain) is not None or _ADDRESS.search(printed) is not None
