"""How Arrow keeps memory while a run gathers and drops one batch after another."""

from __future__ import annotations

import os

import pyarrow as pa

EAGER = "mimalloc"  # Arrow's default; any other one was chosen by the user
ALLOCATOR = "jemalloc"
CHOSEN_BY_USER = "ARROW_DEFAULT_MEMORY_POOL"


def reuse_memory() -> None:
    """Have Arrow keep for a second what it frees, unless the user chose how it allocates.

    By default it gives memory back at once, and the system clears each page anew, which takes some 6 % of a large
    load: `tests/bench/run.py archive`, with and without ARROW_DEFAULT_MEMORY_POOL=mimalloc.
    """
    untouched = pa.default_memory_pool().backend_name == EAGER and CHOSEN_BY_USER not in os.environ
    if untouched and ALLOCATOR in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
