"""What an account holds."""

from schemas.datasets.market import OBSERVED_AT, PRICES
from schemas.model.cursor import ABSENCE, FIRST_OBSERVED_AT, SNAPSHOTS, falling, rising
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, TEXT, Column

ACCOUNT = Column("account", TEXT, "the name in flows.yaml, pinned to the exchange's uid")

BALANCES = Dataset(
    name="balances",
    doc="Every asset of every wallet that is non-zero, or was non-zero at the wallet's previous snapshot; one snapshot "
    "a run. `free` and `locked` come to what the wallet holds. Debts are wallets too, with what is owed below zero. A "
    "futures wallet holds its balance without unrealised profit; `free` of it is what is available, as far as that is "
    "held. Positions of simple earn are summed by asset, flexible ones free and locked ones locked; while spot and the "
    "funding wallet stand still, they are looked at once an hour. Assets in spot "
    "that begin with LD are receipts for flexible earn: stored as they are returned, and left out of sums.",
    columns=(
        ACCOUNT,
        Column(
            "wallet",
            TEXT,
            "spot, funding, earn_flexible, earn_locked, margin, margin_debt, isolated_margin:SYMBOL, "
            "isolated_margin_debt:SYMBOL, usdm or coinm",
        ),
        Column("asset", TEXT, "such as BTC"),
        Column("free", FINE, "available; of debts, minus what was borrowed and its interest", signed=True),
        Column(
            "locked",
            FINE,
            "held by open orders, as margin, frozen, or for a term",
            null="where the wallet does not say",
            signed=True,
        ),
        OBSERVED_AT,
        Column("extra", EXTRA, "JSON of every other field of the row", null="when there is none"),
    ),
    key=("account", "wallet", "asset", "observed_at"),
    kind=Kind.SNAPSHOT,
    series=("account", "wallet"),
    cursor_fields=(
        *SNAPSHOTS,
        falling(FIRST_OBSERVED_AT, "instant of the first snapshot, of which no row remains where the wallet was empty"),
        *ABSENCE,
        rising("explained_at", "the snapshot up to which every change was accounted for"),
        rising("suspect_at", "the snapshot whose changes are being looked into"),
    ),
    clock="observed_at",
    partition=("account", "month"),
    amounts=("free", "locked"),
    valued_by=PRICES.name,
)
