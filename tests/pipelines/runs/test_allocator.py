"""How a run keeps memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipelines.runs.allocator import (
    ALLOCATOR,
    CHOSEN_BY_USER,
    EAGER,
    MALLOC_CHOSEN_BY_USER,
    reuse_memory,
)


@pytest.fixture(autouse=True)
def as_arrow_starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Arrow's own choice, and after the test what was there before."""
    if not {EAGER, ALLOCATOR} <= set(pa.supported_memory_backends()):
        pytest.skip("this build of Arrow has no other allocator to choose")
    before = pa.default_memory_pool()
    monkeypatch.delenv(CHOSEN_BY_USER, raising=False)
    pa.set_memory_pool(pa.mimalloc_memory_pool())
    yield
    pa.set_memory_pool(before)


def test_memory_is_kept_for_the_next_batch():
    """Nobody chose: the allocator that gives memory back at once makes way."""
    reuse_memory()
    assert pa.default_memory_pool().backend_name == ALLOCATOR


def test_the_environment_of_the_user_decides(monkeypatch: pytest.MonkeyPatch):
    """Whoever names an allocator keeps it, be it Arrow's own."""
    monkeypatch.setenv(CHOSEN_BY_USER, EAGER)
    reuse_memory()
    assert pa.default_memory_pool().backend_name == EAGER


def test_a_pool_that_a_notebook_set_stays():
    """A run inside another program leaves its choice alone."""
    pa.set_memory_pool(pa.system_memory_pool())
    reuse_memory()
    assert pa.default_memory_pool().backend_name == "system"


def test_the_text_of_the_next_file_takes_the_place_of_the_last(monkeypatch: pytest.MonkeyPatch):
    """Memory of Python's own that was freed is used again as it is: the system clears no page for it."""
    for name in MALLOC_CHOSEN_BY_USER:
        monkeypatch.delenv(name, raising=False)
    reuse_memory()
    size, faults = 24 * 2**20, [0, 0]
    for turn in range(6):
        texts = [b"1" * size for _ in range(3)]
        faults[turn > 0] = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        del texts
    assert faults[1] - faults[0] < size // resource.getpagesize(), "fifteen more texts cost pages of their own"
