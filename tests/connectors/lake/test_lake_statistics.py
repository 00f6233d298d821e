"""The statistics in the log are those of the file, to the last digit: readers skip files by them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.lake import Lake
from connectors.lake.files.data_files import write_rows
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, FLAG, ID, MONEY, RATE, TEXT, TIME, Column

THINGS = Dataset(
    name="things",
    doc="A column of every type, each with a twin that may be NULL.",
    columns=tuple(
        Column(
            f"{type_.name.lower()}{'_or_null' if nullable else ''}", type_, "", null="at times" if nullable else None
        )
        for type_ in (TEXT, MONEY, FINE, RATE, ID, FLAG, TIME, EXTRA)
        for nullable in (False, True)
    ),
    key=("text", "id"),
    kind=Kind.LOG,
)


def decimals(scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**38) + 1, 10**38 - 1).map(lambda digits: Decimal(digits).scaleb(-scale, _wide()))


def _wide() -> Any:
    from decimal import Context  # noqa: PLC0415 - the default context would round to 28 digits

    return Context(prec=60)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['"', "\\", "永不rug", "\x00", ""]
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    TEXT: TEXTS,
    EXTRA: TEXTS,
    MONEY: decimals(8),
    FINE: decimals(12),
    RATE: decimals(16),
    ID: st.integers(-(2**63), 2**63 - 1),
    FLAG: st.booleans(),
    TIME: st.datetimes(datetime(1970, 1, 1), datetime(2261, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            column.name: VALUES[column.type] | st.none() if column.nullable else VALUES[column.type]
            for column in THINGS.columns
        }
    ),
    min_size=1,
    max_size=6,
)


def as_logged(value: Any) -> Any:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_statistics_are_those_of_the_file(rows: list[dict[str, Any]]) -> None:
    """Row count, bounds and null counts in the log equal what the written file holds, for values of any size."""
    with TemporaryDirectory() as folder:
        [file] = write_rows(Path(folder), THINGS, pa.Table.from_pylist(rows, schema=THINGS.schema))
        stored = pq.read_table(Path(folder) / file.path).to_pylist()
    told = json.loads(file.statistics, parse_float=Decimal)
    assert told["numRecords"] == len(rows) == len(stored)
    for name in THINGS.schema.names:
        values = [row[name] for row in stored if row[name] is not None]
        assert told["nullCount"][name] == len(rows) - len(values)
        assert told["minValues"].get(name) == (as_logged(min(values)) if values else None)
        assert told["maxValues"].get(name) == (as_logged(max(values)) if values else None)
    assert '"money":"' not in file.statistics  # a quoted decimal is not what Delta's log holds


@given(ROWS, st.data())
@settings(max_examples=30, deadline=None)
def test_no_filter_loses_a_row(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """A row is found by any of its values, through readers that skip files by statistics."""
    with TemporaryDirectory() as folder:
        table = Lake.open(Path(folder), "simulator").table(THINGS)
        for row in rows:
            table.commit(pa.Table.from_pylist([row], schema=THINGS.schema), [])
        row, name = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(THINGS.schema.names))
        value = pa.scalar(row[name], THINGS.schema.field(name).type)
        wanted = pc.field(name) == value if row[name] is not None else pc.is_null(pc.field(name))
        expected = sum(1 for other in rows if other[name] == row[name])
        assert table.scan(where=wanted).num_rows == expected


def test_an_empty_partition_value_is_refused(tmp_path: Path) -> None:
    """Delta reads an empty partition value back as NULL, so none is ever written."""
    odd = Dataset(
        name="odd",
        doc="",
        columns=(Column("p", TEXT, ""), Column("n", ID, "")),
        key=("p", "n"),
        kind=Kind.LOG,
        partition=("p",),
    )
    with pytest.raises(AssertionError, match="empty partition value"):
        write_rows(tmp_path, odd, pa.Table.from_pylist([{"p": "", "n": 1}], schema=odd.schema))
