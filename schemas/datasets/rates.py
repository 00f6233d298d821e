"""Rates of exchange that a person gives as a CSV file."""

from __future__ import annotations

from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import RATE, TEXT, TIME, Column

RATES = Dataset(
    name="rates",
    doc="What one asset was worth in another by the CSV file that `rates` of flows.yaml names; read at each run that "
    "values an account, and used where no pairs of the exchange lead from one to the other.",
    columns=(
        Column("base_asset", TEXT, "what is valued, such as EUR"),
        Column("quote_asset", TEXT, "in which asset"),
        Column("time", TIME, "from when on it holds; of a date its midnight, UTC"),
        Column("rate", RATE, "how much of the quote asset one of the base asset is worth"),
        Column("file", TEXT, "name of the file"),
        Column("seen_at", TIME, "when this version was read"),
        Column("gone_since", TIME, "when the file was first read without it", null="while it is there"),
    ),
    key=("base_asset", "quote_asset", "time", "seen_at"),
    kind=Kind.VERSIONS,
    clock="seen_at",
    retired="gone_since",
)
