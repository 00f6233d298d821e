"""The column types. Every column of every dataset has one of these, from the wire to SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class FieldType:
    """A column type in the words of each engine it passes through."""

    name: str
    arrow: pa.DataType
    sql: str
    doc: str


TIME = FieldType("TIME", pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ", "instant, microseconds, UTC")
MONEY = FieldType("MONEY", pa.decimal128(38, 8), "DECIMAL(38,8)", "price, quantity or volume, exact to 8 decimals")
FINE = FieldType("FINE", pa.decimal128(38, 12), "DECIMAL(38,12)", "balance or interest, exact to 12 decimals")
RATE = FieldType("RATE", pa.decimal128(38, 16), "DECIMAL(38,16)", "rate or ratio, exact to 16 decimals")
TEXT = FieldType("TEXT", pa.string(), "VARCHAR", "text; enums stay text because the exchange adds values")
ID = FieldType("ID", pa.int64(), "BIGINT", "integer: an identifier or a count")
FLAG = FieldType("FLAG", pa.bool_(), "BOOLEAN", "true or false")
EXTRA = FieldType("EXTRA", pa.string(), "VARCHAR", "JSON text of what the schema does not know")

DECIMALS = (MONEY, FINE, RATE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset. One that may be NULL says in `null` when it is; a signed amount may be below zero."""

    name: str
    type: FieldType
    what: str
    null: str | None = None
    signed: bool = False

    @property
    def nullable(self) -> bool:
        return self.null is not None

    @property
    def doc(self) -> str:
        """What it holds, and what NULL means."""
        return "; ".join(filter(None, (self.what, self.null and f"NULL {self.null}")))

    @property
    def arrow(self) -> pa.Field[Any]:
        return pa.field(self.name, self.type.arrow, nullable=self.nullable)
