"""How memory is kept while a run gathers and drops one batch after another.

Given back at once, which is the default, each page is cleared anew by the system before it is used again: that was a
fifth of what reading a file of the archive takes.
"""

from __future__ import annotations

import ctypes
import os
import sys

import pyarrow as pa

EAGER = "mimalloc"  # Arrow's default; any other one was chosen by the user
ALLOCATOR = "jemalloc"
CHOSEN_BY_USER = "ARROW_DEFAULT_MEMORY_POOL"
MALLOC_CHOSEN_BY_USER = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
_KEPT = 256 * 2**20  # bytes, free at the end of a heap
_MAPPED_FROM = 32 * 2**20  # bytes; the most that mallopt takes, several times the text of a month of minutes


def reuse_memory() -> None:
    """Have Arrow and the C library keep what they free, each unless the user chose how it allocates."""
    _reuse_in_arrow()
    _reuse_in_malloc()


def _reuse_in_arrow() -> None:
    untouched = pa.default_memory_pool().backend_name == EAGER and CHOSEN_BY_USER not in os.environ
    if untouched and ALLOCATOR in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def _reuse_in_malloc() -> None:
    """Where the C library is glibc: bytes of Python, such as the text of a file, come from it."""
    if sys.platform != "linux" or any(name in os.environ for name in MALLOC_CHOSEN_BY_USER):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MAPPED_FROM)
        mallopt(_TRIM_THRESHOLD, _KEPT)
