"""How often a request is tried, and how long to wait between two tries."""

from __future__ import annotations

import random

TRIES = 5
FIRST_PAUSE_S = 0.5


def pause_s(tries: int) -> float:
    """The pause after so many failed tries: each is twice as long as the last, and programs do not wait in step."""
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, guards nothing
    return FIRST_PAUSE_S * jitter * float(2 ** (tries - 1))
