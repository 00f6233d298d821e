"""Files of `doctor --probe` that users send, read back."""

from __future__ import annotations

import msgspec

from pipelines.service.probe import Learnt, meaning
from schemas.model.errors import CorruptData


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    binlake: str
    environment: str
    date: str
    findings: list[Learnt]


def read_file(content: bytes) -> list[Learnt]:
    """The findings of a file that somebody sent; CorruptData for anything that `as_file` does not write."""
    try:
        found = msgspec.json.decode(content, type=_File)
    except msgspec.MsgspecError as error:
        raise CorruptData(
            f"This is no file of a probe: {error}.", "Send what `binlake doctor --probe` wrote."
        ) from None
    for each in found.findings:
        meaning(each.probe, each.outcome)
    return found.findings
