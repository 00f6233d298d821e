"""The exchange's own exports that a person downloaded and imported, row by row as they were written."""

from __future__ import annotations

from schemas.datasets.account import ACCOUNT
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, ID, TEXT, TIME, Column

STATEMENT_ROWS = Dataset(
    name="statement_rows",
    doc="Every row of the exchange's own exports that `binlake import` read. A line that tells of several "
    "assets, such as a trade with its fee, is a row for each.",
    columns=(
        ACCOUNT,
        Column("file", TEXT, "SHA-256 of the file; of one in a zip, of what was packed"),
        Column("line", ID, "where the row begins in the file"),
        Column("leg", ID, "1, 2, 3, ... of what one line tells"),
        Column("file_name", TEXT, "name of the file when it was imported"),
        Column("kind", TEXT, "which export it is, such as transaction_history or withdrawals"),
        Column("zone", TEXT, "zone of the times in the file, such as UTC or UTC+7"),
        Column("uid", TEXT, "the exchange's id of the account", null="in exports without it"),
        Column("time", TIME, "when it took place", null="where the row has none"),
        Column("wallet", TEXT, "the account that the export names, as it spells it", null="where it names none"),
        Column("operation", TEXT, "as the export spells it; of other exports than transaction_history, what moved"),
        Column("asset", TEXT, "such as BNB", null="where the row has none"),
        Column("amount", FINE, "what the balance changed by", null="where the row has none", signed=True),
        Column("status", TEXT, "whether it took place, as the export spells it", null="where it does not say"),
        Column("remark", TEXT, "as the export spells it", null="where it has none"),
        Column("problem", TEXT, "why the row moves nothing in `ledger`", null="when nothing stands against it"),
        Column("raw", EXTRA, "JSON of the line, by the names of its columns", null="from the second leg on"),
        Column("imported_at", TIME, "when the file was imported, by this machine's clock"),
    ),
    key=("account", "file", "line", "leg"),
    kind=Kind.LOG,
    clock="imported_at",
    partition=("account",),
)
