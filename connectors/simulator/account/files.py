"""Files that an account asked for: each is ready after a while, has a link for a day, and spends a monthly quota."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.simulator.protocol.rules import Refusal

PREFIX = "/data-download-task/"
_FIRST_ID = 545_923_594_199_212_032
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class File:
    """A file, by which address it was asked for, and when."""

    download_id: str
    uid: int
    path: str
    asked_ms: int
    body: bytes = field(repr=False)


class Files:
    """All that were asked for."""

    def __init__(self) -> None:
        self.processing_ms = 1000
        self.kept_ms = _DAY_MS
        self.spent: Counter[tuple[int, str, str]] = Counter()  # by uid, quota and month
        self._files: dict[str, File] = {}

    def ask(self, uid: int, path: str, quota: tuple[str, int], now_ms: int, body: bytes) -> File:
        """Take a question; nobody has recorded what the exchange says where the quota is used up."""
        name, most = quota
        month = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m}"
        if self.spent[uid, name, month] >= most:
            raise Refusal(-1000, "The download quota of this month is used up.")
        self.spent[uid, name, month] += 1
        file = File(str(_FIRST_ID + len(self._files)), uid, path, now_ms, body)
        self._files[file.download_id] = file
        return file

    def asked(self, uid: int, path: str, download_id: str) -> File:
        """One that this account asked for at this address."""
        file = self._files.get(download_id)
        if file is None or (file.uid, file.path) != (uid, path):
            raise Refusal(-1130, "Data sent for parameter 'downloadId' is not valid.")
        return file

    def link(self, file: File, host: str, now_ms: int) -> dict[str, object]:
        """What is said of a file at an instant."""
        ready_ms = file.asked_ms + self.processing_ms
        told: dict[str, object] = {"downloadId": file.download_id, "isExpired": None}
        if now_ms < ready_ms:
            return told | {"status": "processing", "url": "", "notified": False, "expirationTimestamp": -1}
        ends_ms = ready_ms + self.kept_ms
        if now_ms >= ends_ms:
            told["isExpired"] = True
        url = f"http://{host}{PREFIX}{file.download_id}.zip?X-Amz-Signature={_FIRST_ID ^ file.uid:x}"
        return told | {"status": "completed", "url": url, "notified": True, "expirationTimestamp": ends_ms}

    def served(self, target: str, now_ms: int) -> bytes | None:
        """What lies behind a link; None where there is nothing any more, or the link is not whole."""
        path, _, query = target.partition("?")
        file = self._files.get(path.removeprefix(PREFIX).removesuffix(".zip"))
        if file is None or query != f"X-Amz-Signature={_FIRST_ID ^ file.uid:x}":
            return None
        return file.body if now_ms < file.asked_ms + self.processing_ms + self.kept_ms else None


def zipped(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV in a zip."""
    text = "".join(",".join(fields) + "\n" for fields in (columns, *rows))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text)
    return packed.getvalue()
