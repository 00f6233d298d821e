"""Which files of a listing are not what they were at the last look: published anew, mended, or late.

The archive corrects files without a word, after months and after years (reference, section 8.5): a file is never
final.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import Remote
from pipelines.archive.provenance import Row
from schemas.datasets.archive import Reason
from schemas.model.series import Series

BESIDE = {Reason.NO_CHECKSUM, Reason.CHECKSUM_MISMATCH}  # may be mended without a change of the zip that is listed

Span = tuple[int, int]


async def anew(
    archive: Archive, listed: Iterable[Remote], looks: Mapping[str, Row], wanted: Mapping[Series, Sequence[Span]]
) -> list[Remote]:
    """The files whose listing or CHECKSUM is not what it was at the last look, and late ones that may fill a gap."""
    found = []
    for remote in listed:
        look = looks.get(remote.path)
        if look is None:
            changed = _may_fill(remote, wanted)
        elif (remote.etag, remote.size) != (look["etag"], look["size"]):
            changed = True
        else:
            changed = look["reason"] in BESIDE and await archive.checksum(remote.path) == look["sha256"]
        if changed:
            found.append(remote)
    return found


def _may_fill(remote: Remote, wanted: Mapping[Series, Sequence[Span]]) -> bool:
    file = remote.file
    spans = wanted.get(file.series, ())
    return any(since < file.until_us and file.since_us < until for since, until in spans)
