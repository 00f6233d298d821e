"""Cases of a kind: some in the suite, all of them in the soak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some_of(cases: Iterable[Any], most: int = 1) -> list[Any]:
    """The cases of a parametrized test, of which all but the first `most` are left to the soak."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case, marks=() if n < most else pytest.mark.soak) for n, case in enumerate(values)]
