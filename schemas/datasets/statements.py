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

STATEMENT_DOWNLOADS = Dataset(
    name="statement_downloads",
    doc="Files of an account's history of futures that were asked for with `--use-quota`: one row each time what is "
    "known of a question changes. Each question that was not refused spends one of a monthly quota.",
    columns=(
        ACCOUNT,
        Column("market", TEXT, "usdm or coinm"),
        Column("export", TEXT, "income, orders or trades"),
        Column("since", TIME, "first instant asked for"),
        Column("until", TIME, "first instant no longer asked for"),
        Column("asked_at", TIME, "when it was asked, the exchange's time"),
        Column(
            "state",
            TEXT,
            "asked (no answer is known), refused, given (the exchange makes the file), expired (its link led nowhere "
            "any more before the file was there), abandoned (it was asked once more instead), unreadable (the file is "
            "there, and cannot be imported) or imported",
        ),
        Column("download_id", TEXT, "by which the exchange knows the file", null="before it was told"),
        Column("file", TEXT, "SHA-256 of the rows, as in `statement_rows`", null="until it was imported"),
        Column("seen_at", TIME, "when this became known, the exchange's time"),
    ),
    key=("account", "market", "export", "state", "asked_at"),
    kind=Kind.LOG,
    clock="seen_at",
    partition=("account",),
)
