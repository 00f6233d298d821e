"""Files of candles that were published anew, or late: loaded, the old rows kept beside them."""

from __future__ import annotations

from dataclasses import asdict, replace

from connectors.binance.archive.client import Fetched
from connectors.lake import Lake
from pipelines.archive.load import no_answer
from pipelines.archive.provenance import note_files
from pipelines.candles.renewal import renew
from pipelines.store.gaps import Asked


def load_candles_again(lake: Lake, fetched: Fetched, now: int) -> int:
    """Put a file's rows in the place of those stored for its time; one that cannot be read changes none."""
    file = fetched.file
    if fetched.rows is None:
        note_files(lake, [fetched], now)
        return 0
    gap = no_answer(fetched)
    unanswered = tuple(replace(gap, since=since, until=until) for since, until in fetched.holes) if gap else ()
    series, asked = file.series, Asked(fetched.path, unanswered, "not_in_archive")
    renewed = renew(lake, series, fetched.rows, file.since_us, file.until_us, now, asked)
    if renewed is None:  # another process moved the series: not noted as loaded, so that the next look is another try
        return 0
    note_files(lake, [fetched], now, asdict(renewed))
    return renewed.rows
