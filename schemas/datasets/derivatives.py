"""What markets of futures print beside trades and candles."""

from schemas.datasets.market import MARKET, SYMBOL, snapshot
from schemas.model.cursor import SNAPSHOTS
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, ID, MONEY, RATE, TIME, Column

PREMIUM_INDEX = snapshot(
    "premium_index",
    "The mark and index price of each contract and what its funding will be, one snapshot a run.",
    Column("mark_price", MONEY, "by which positions are liquidated"),
    Column("index_price", MONEY, "made of spot markets"),
    Column("estimated_settle_price", MONEY, "what a delivery would settle at now", null="in old answers"),
    Column("last_funding_rate", RATE, "of the interval that runs", null="of delivery contracts", signed=True),
    Column("interest_rate", RATE, "in the funding rate", null="of delivery contracts", signed=True),
    Column("next_funding_time", TIME, "when funding is paid next", null="of delivery contracts"),
    Column("time", TIME, "the exchange's time of these prices"),
)

FUNDING_INFO = Dataset(
    name="funding_info",
    doc="Contracts whose funding has a cap, floor or interval of its own; all others pay every 8 hours.",
    columns=(
        MARKET,
        SYMBOL,
        Column("adjusted_funding_rate_cap", RATE, "the highest rate", signed=True),
        Column("adjusted_funding_rate_floor", RATE, "the lowest rate", signed=True),
        Column("funding_interval_hours", ID, "hours from one funding to the next"),
        Column("update_time", TIME, "when the exchange last changed it", null="where it does not say"),
        Column("extra", EXTRA, "JSON of every other field", null="when there is none"),
        Column("gone_since", TIME, "when it was first seen without it", null="while it has one of its own"),
        Column("valid_from", TIME, "the exchange's time when this version was first seen"),
    ),
    key=("market", "symbol", "valid_from"),
    kind=Kind.VERSIONS,
    series=("market",),
    cursor_fields=SNAPSHOTS,
    clock="valid_from",
    retired="gone_since",
)
