"""Which allocator a run has Arrow use."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipelines.runs.allocator import ALLOCATOR, CHOSEN_BY_USER, EAGER, reuse_memory


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
