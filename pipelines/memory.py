"""How Arrow keeps memory while a run gathers and drops one batch after another."""

from __future__ import annotations

import os

import pyarrow as pa

ALLOCATOR = "jemalloc"
CHOSEN_BY_USER = "ARROW_DEFAULT_MEMORY_POOL"


def reuse_memory() -> None:
    """Have Arrow keep for a second what it frees, unless the user chose how it allocates.

    By default it gives memory back at once, and the system clears each page anew: 7 % of a large load
    (`tests/bench/run.py archive`), and a tenth more memory at the peak.
    """
    if ALLOCATOR in pa.supported_memory_backends() and CHOSEN_BY_USER not in os.environ:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
