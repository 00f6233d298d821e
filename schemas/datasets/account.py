"""What an account holds."""

from schemas.datasets.market import OBSERVED_AT, PRICES
from schemas.model.cursor import SNAPSHOTS, rising
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, TEXT, Column

ACCOUNT = Column("account", TEXT, "the name in flows.yaml, pinned to the exchange's uid")

BALANCES = Dataset(
    name="balances",
    doc="Every asset that is non-zero, or was non-zero at the previous snapshot; one snapshot a run.",
    columns=(
        ACCOUNT,
        Column("wallet", TEXT, "spot"),
        Column("asset", TEXT, "such as BTC"),
        Column("free", FINE, "available", signed=True),
        Column("locked", FINE, "held by open orders", null="where the wallet does not say", signed=True),
        OBSERVED_AT,
        Column("extra", EXTRA, "JSON of every other field of the row", null="when there is none"),
    ),
    key=("account", "wallet", "asset", "observed_at"),
    kind=Kind.SNAPSHOT,
    series=("account", "wallet"),
    cursor_fields=(
        *SNAPSHOTS,
        rising("explained_at", "the snapshot up to which every change was accounted for"),
        rising("suspect_at", "the snapshot whose changes are being looked into"),
    ),
    clock="observed_at",
    partition=("account", "month"),
    amounts=("free", "locked"),
    valued_by=PRICES.name,
)
