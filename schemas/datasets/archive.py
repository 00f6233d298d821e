"""What the public archive held: every file that was looked at, and what became of it."""

from enum import StrEnum

from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, ID, TEXT, TIME, Column


class Reason(StrEnum):
    """Why a file of the archive was not loaded, or not all of its rows are there.

    Of a file with a few bad, conflicting or foreign rows the others are loaded.
    """

    MISSING = "missing"  # the archive has no such file
    REFUSED = "refused"  # the archive answers, and does not give this file
    NO_CHECKSUM = "no_checksum"  # the file is there, its CHECKSUM is not, or cannot be read
    CHECKSUM_MISMATCH = "checksum_mismatch"  # what came is not what its CHECKSUM names
    TRUNCATED_ZIP = "truncated_zip"  # the end of the zip is missing
    BAD_ZIP = "bad_zip"  # no zip, or one whose content does not unpack to what it promises
    WRONG_MEMBER = "wrong_member"  # the zip holds a file of another name
    EXTRA_MEMBERS = "extra_members"  # the zip holds more than its CSV
    ZIP_BOMB = "zip_bomb"  # unpacked it would be larger than all candles of its time
    EMPTY = "empty"  # the CSV has no row
    MANGLED_NUMBERS = "mangled_numbers"  # a spreadsheet rewrote its numbers: exponents, quotes, dates
    BAD_ROW = "bad_row"  # a row has the wrong columns, or a value that does not fit
    CONFLICTING_ROWS = "conflicting_rows"  # two different rows for one instant
    OUTSIDE_PERIOD = "outside_period"  # rows of another day or month
    INCOMPLETE = "incomplete"  # loaded, but some candles of its time are not in it


_REASONS = ", ".join(Reason)

ARCHIVE_FILES = Dataset(
    name="archive_files",
    doc="Every file of the public archive that was looked at: what it was, and what became of it.",
    columns=(
        Column("path", TEXT, "where it lies in the archive, such as data/spot/monthly/klines/..."),
        Column("dataset", TEXT, "the dataset it belongs to"),
        Column("market", TEXT, "spot, usdm or coinm"),
        Column("symbol", TEXT, "the exchange's name"),
        Column("interval", TEXT, "of its candles", null="where the dataset has none"),
        Column("since", TIME, "start of its day or month"),
        Column("until", TIME, "end of its day or month"),
        Column("sha256", TEXT, "of the zip as it came", null="when none came"),
        Column("etag", TEXT, "as the archive printed it", null="when it did not"),
        Column("size", ID, "bytes of the zip as it came"),
        Column("modified", TIME, "when the archive put it there", null="when it did not say"),
        Column("rows", ID, "rows loaded; 0 when the file was set aside"),
        Column("dropped_duplicates", ID, "rows that were there twice, to the last digit, or whose id was there before"),
        Column("reason", TEXT, f"what is wrong with it ({_REASONS})", null="when it was loaded whole"),
        Column("detail", TEXT, "the reason in words, with the lines that were left out", null="without one"),
        Column("added", ID, "rows that the version before lacked", null="for a first load"),
        Column("removed", ID, "rows that only the version before had", null="for a first load"),
        Column("changed", ID, "rows that differ from the version before", null="for a first load"),
        Column("holes", EXTRA, "JSON list of the stretches it lacks, as [since, until]", null="when none"),
        Column("seen_at", TIME, "when it was loaded or set aside"),
    ),
    key=("path", "seen_at"),
    kind=Kind.VERSIONS,
    clock="seen_at",
)
