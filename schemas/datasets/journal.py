"""What binlake writes down about its own work: gaps, corrections, runs, requests, keys, check results."""

from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FLAG, ID, TEXT, TIME, Column

_SERIES = (
    Column("dataset", TEXT, "the dataset spoken of"),
    *(
        Column(name, TEXT, "of the series", null="where it has none")
        for name in ("market", "symbol", "interval", "account", "wallet", "type", "kind")
    ),
)
_SERIES_KEY = tuple(column.name for column in _SERIES)

GAPS = Dataset(
    name="gaps",
    doc="Each stretch inside coverage that holds no row, with the reason and what was seen; never silence. "
    "Unavailable, unusable and late ones wait for a file that the archive did not give, that cannot be read, or that "
    "may come up to a week late; of what is not_in_archive the exchange was not asked. These explain nothing.",
    columns=(
        *_SERIES,
        Column("since", TIME, "first missing instant"),
        Column("until", TIME, "first instant after it", null="while no later row has been seen"),
        Column(
            "reason",
            TEXT,
            "not_listed, exchange_outage, not_retained, off_grid, delisted, unavailable, unusable, late or "
            "not_in_archive",
        ),
        Column("evidence", EXTRA, "JSON: what was asked and what came"),
        Column("first_seen", TIME, "when the gap was first noticed"),
        Column("confirmed_at", TIME, "second look, at least an hour later", null="until then"),
        Column("filled_at", TIME, "when the missing rows turned up after all", null="while missing"),
        Column("seen_at", TIME, "when this version was written"),
    ),
    key=(*_SERIES_KEY, "since", "seen_at"),
    kind=Kind.VERSIONS,
    clock="seen_at",
    retired="filled_at",
)

CORRECTIONS = Dataset(
    name="corrections",
    doc="Rows the exchange changed after we stored them, with both versions; kept for good.",
    columns=(
        *_SERIES,
        Column("row_key", EXTRA, "JSON of the row's key"),
        Column("revision", ID, "the revision of the series that replaced the row"),
        Column("before", EXTRA, "JSON of the stored row"),
        Column("after", EXTRA, "JSON of the row that took its place", null="when the exchange withdrew it"),
        Column("seen_at", TIME, "when the difference was seen"),
    ),
    key=(*_SERIES_KEY, "row_key", "revision"),
    kind=Kind.LOG,
    clock="seen_at",
)

LEDGER_LOOKS = Dataset(
    name="ledger_looks",
    doc="Which ledgers were asked once more about the time of a change of a balance that no movement explains.",
    columns=(
        Column("account", TEXT, "the account's name in flows.yaml"),
        Column("dataset", TEXT, "the ledger that was asked"),
        Column("wallet", TEXT, "whose balance changed"),
        Column("since", TIME, "the snapshot before the change"),
        Column("until", TIME, "the snapshot after it"),
        Column("asked_at", TIME, "when all of its answers had come"),
    ),
    key=("account", "dataset", "wallet", "since", "until", "asked_at"),
    kind=Kind.LOG,
    clock="asked_at",
)

RUNS = Dataset(
    name="runs",
    doc="One row per run, dataset and market: what was asked for, what came, how it ended; and one for a run that "
    "failed as a whole or was killed.",
    columns=(
        Column("run", TEXT, "identifier of the run"),
        Column("flow", TEXT, "its name in flows.yaml"),
        Column("dataset", TEXT, "the dataset pulled; empty for what failed beside the datasets or before them"),
        Column("market", TEXT, "", null="where the dataset has none"),
        Column("account", TEXT, "", null="where the dataset has none"),
        Column("started", TIME, "first request, the exchange's time"),
        Column("ended", TIME, "last commit, the exchange's time; `started` again for a run that was killed"),
        Column("outcome", TEXT, "done, failed or interrupted"),
        Column("rows", ID, "rows committed"),
        Column("requests", ID, "requests sent, retries included"),
        Column("weight", ID, "weight spent"),
        Column("error", TEXT, "what failed and why, one sentence", null="when done"),
        Column("note", TEXT, "what a person should know all the same", null="when there is nothing"),
    ),
    key=("run", "dataset", "market"),
    kind=Kind.LOG,
    clock="ended",
)

API_REQUESTS = Dataset(
    name="api_requests",
    doc="What was asked of the exchange, and what it answered; never a signature or a key.",
    columns=(
        Column("run", TEXT, "identifier of the run"),
        Column("n", ID, "number of the request in the run"),
        Column("asked_at", TIME, "when it was sent, the exchange's time"),
        Column("answered_at", TIME, "when the answer was there", null="when none came"),
        Column("method", TEXT, "GET"),
        Column("path", TEXT, "such as /api/v3/klines"),
        Column("params", TEXT, "query without timestamp, recvWindow and signature"),
        Column("key_fingerprint", TEXT, "first 8 hex digits of the SHA-256 of the key", null="when public"),
        Column("status", ID, "HTTP status", null="when no answer came"),
        Column("code", ID, "the exchange's error code", null="on success"),
        Column("pool", TEXT, "the weight pool it was charged to"),
        Column("weight", ID, "declared weight"),
        Column("used_weight", ID, "the pool's use this minute after the header", null="without one"),
        Column("latency_ms", ID, "from sending to the last byte", null="when no answer came"),
        Column("account", TEXT, "the account whose key signed it", null="when public, or of an earlier binlake"),
        Column("host", TEXT, "name of the machine that sent it", null="of an earlier binlake"),
        Column("pid", ID, "process that sent it", null="of an earlier binlake"),
        Column(
            "own_weight",
            ID,
            "what all processes of this user had spent of the pool on this machine in the 90 seconds before the answer",
            null="without a header, or of an earlier binlake",
        ),
    ),
    key=("run", "n"),
    kind=Kind.LOG,
    clock="asked_at",
    partition=("month",),
)

KEY_FACTS = Dataset(
    name="key_facts",
    doc="What the exchange says of each API key that a run was let in with; a row whenever something of it changed.",
    columns=(
        Column("account", TEXT, "the account's name in flows.yaml"),
        Column("fingerprint", TEXT, "first 8 hex digits of the SHA-256 of the key"),
        Column("uid", ID, "the exchange's id of the account"),
        Column("kind", TEXT, "HMAC, RSA or Ed25519"),
        Column("permissions", EXTRA, "JSON list of what the key may do, by the exchange's names, sorted"),
        Column("ip_restricted", FLAG, "whether only some addresses may use it", null="where the exchange does not say"),
        Column("created", TIME, "when it was made", null="where the exchange does not say"),
        Column("expires", TIME, "when its permission to trade ends", null="where the exchange names no end"),
        Column("state", TEXT, "admitted; retired once another key took its place"),
        Column("seen_at", TIME, "when this version was seen"),
    ),
    key=("account", "fingerprint", "seen_at"),
    kind=Kind.VERSIONS,
    clock="seen_at",
)

CHECK_RESULTS = Dataset(
    name="check_results",
    doc="What `binlake check` found, one row a check.",
    columns=(
        Column("run", TEXT, "identifier of the run"),
        Column("check_name", TEXT, "file name of the check, or the name of a derived one"),
        Column("severity", TEXT, "error or warn"),
        Column("passed", FLAG, "no offending row, and all it asks for could be read"),
        Column("offending_rows", ID, "how many"),
        Column("sample", EXTRA, "JSON of the first offending rows, and why not all was checked", null="if it passed"),
        Column("checked_at", TIME, "when"),
    ),
    key=("run", "check_name"),
    kind=Kind.LOG,
    clock="checked_at",
)
