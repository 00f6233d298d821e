"""The folder of keys is made ready for the next one, whatever an attempt before has left there."""

from errno import ENOSPC
from pathlib import Path

import pytest

from pipelines.keys.generations import next_generation
from schemas.model.errors import Problem


def test_what_a_dead_process_left_is_removed(tmp_path):
    """Drafts beside the keys and beside the file that flows.yaml is a link to are gone; nothing else is."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "elsewhere").mkdir()
    flows, target = tmp_path / "flows.yaml", tmp_path / "elsewhere" / "mine.yml"
    target.touch()
    flows.symlink_to(target)
    drafts = tmp_path / "keys" / ".tmp-1.pem", target.with_name(".tmp-2.yml")
    for draft in drafts:
        draft.touch()
    with next_generation(flows, "main", None, generate=True) as generation:
        assert generation.number == 1
    assert [draft for draft in drafts if draft.exists()] == []
    assert flows.samefile(target)


def test_git_is_kept_off_after_a_full_disk(tmp_path, monkeypatch):
    """The file that has git ignore keys is whole or absent: an empty one would be taken for written."""

    def full(path: Path, *_: object, **__: object) -> int:
        path.touch()
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        with pytest.raises(Problem, match="Disk full"):
            next_generation(tmp_path / "flows.yaml", "main", None, generate=True).__enter__()
    with next_generation(tmp_path / "flows.yaml", "main", None, generate=True):
        assert (tmp_path / "keys" / ".gitignore").read_text() == "*\n"
