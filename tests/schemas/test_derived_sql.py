"""What follows from a declaration without being written down again."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from support.lakes import put, small_lake

from connectors.lake.sql.session import connect, run
from schemas.datasets import DATASETS
from schemas.derived.docs import datasets_md, pandas_line, polars_line
from schemas.derived.queries import checks, views
from schemas.model.dataset import Dataset, Kind

ROOT = Path(__file__).parents[2]
VERSIONS = [dataset for dataset in DATASETS.values() if dataset.kind is Kind.VERSIONS]
ONE_OF_EACH = {
    (dataset.retired, dataset.column(dataset.version).type, len(dataset.identity)): dataset for dataset in VERSIONS
}.values()  # ways in which the documented lines differ


@cache
def page() -> str:
    return datasets_md()


def test_the_page_of_datasets_is_generated() -> None:
    """DATASETS.md is what the declarations say: `python -m schemas.derived.docs > DATASETS.md`."""
    assert (ROOT / "DATASETS.md").read_text("utf-8") == page()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_the_page_has_every_cursor_field(dataset: Dataset) -> None:
    """Each cursor field stands under its dataset with its type, the way it moves, and what it means."""
    section = page().split(f"\n## {dataset.name}\n")[1].split("\n## ")[0]
    for each in dataset.cursor_fields:
        assert f"| `{each.name}` | {each.type.name} | {each.direction} | {each.doc} |" in section


def test_a_cursor_field_is_of_one_type() -> None:
    """The view `bounds` has one column for each name, whichever datasets declare it."""
    types = {(each.name, each.type.name) for dataset in DATASETS.values() for each in dataset.cursor_fields}
    assert len(types) == len({name for name, _ in types})


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_what_is_walked_declares_its_coverage(dataset: Dataset) -> None:
    """A dataset with a cursor remembers the interval that its rows lie in, of instants or of ids."""
    if dataset.cursor is not None:
        names = dataset.remembered.keys()
        assert {"since", "until"} <= names or {"since_id", "until_id"} <= names


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_the_page_has_every_column(dataset: Dataset) -> None:
    """Each column stands under its dataset with its type and what it means, and NULL is explained where it may be."""
    section = page().split(f"\n## {dataset.name}\n")[1].split("\n## ")[0]
    for column in dataset.columns:
        assert f"| `{column.name}` | {column.type.name} | {column.doc} |" in section
        assert ("NULL" in column.doc) == column.nullable


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_dataset_has_its_checks(dataset: Dataset) -> None:
    """Key and NULLs are checked of each dataset, coverage of each that has a cursor; a broken one is an error."""
    found = {check.name.removeprefix(f"{dataset.name}_") for check in checks() if check.name.startswith(dataset.name)}
    assert found >= {"unique_key", "not_null"} | ({"inside_coverage"} if dataset.cursor else set())
    assert {check.severity for check in checks() if check.name == f"{dataset.name}_unique_key"} == {"error"}


def test_every_file_says_what_it_is() -> None:
    """Each view says what it shows and each check what it promises, in whole sentences; names are unique."""
    docs = [view.doc for view in views()] + [check.promise for check in checks()]
    assert all(doc.endswith(".") and "\n" not in doc for doc in docs)
    names = [check.name for check in checks()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "dataset",
    [pytest.param(one, marks=() if one in ONE_OF_EACH else pytest.mark.soak) for one in VERSIONS],
    ids=lambda dataset: dataset.name,
)
def test_polars_and_pandas_see_the_last_versions(
    dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one line documented for each engine reads, without binlake, the rows that the view shows."""
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    from deltalake import DeltaTable  # noqa: PLC0415 - the names that the documented lines use

    folder = tmp_path_factory.mktemp("plain")  # Polars takes a path with blanks or percent signs for another one
    lake = small_lake(folder)
    times = [column.name for column in dataset.columns if column.type.name == "TIME" and not column.nullable]
    first = next(column.name for column in dataset.columns if column.name in dataset.key and column.type.name == "TEXT")
    instants = dataset.column(dataset.version).type.name == "TIME"
    for key, number in [("a", 1), ("a", 2), ("b", 1), ("c", 1)]:
        version = f"2026-01-0{number}" if instants else number
        row = dict.fromkeys(times, "2026-01-01") | {first: key, dataset.version: version}
        put(lake, dataset, row)
    if dataset.retired:
        put(lake, dataset, row | {dataset.version: "2026-01-03", dataset.retired: "2026-01-03"})
    shown = run(connect(lake), f'SELECT "{first}", "{dataset.version}" FROM {dataset.name} ORDER BY ALL').to_pylist()
    monkeypatch.chdir(folder)
    names = {"pl": pl, "pd": pd, "DeltaTable": DeltaTable}
    polars = eval(polars_line(dataset), names).select(first, dataset.version).sort(first)  # noqa: S307 - our own page
    pandas = eval(pandas_line(dataset), names)[[first, dataset.version]].sort_values(first)  # noqa: S307
    assert polars.to_dicts() == shown
    assert pandas.to_dict("records") == shown
    assert len(shown) == (2 if dataset.retired else 3)


@pytest.mark.parametrize("name", ["portfolio", "resample", "completeness", "trading_activity", "series_status"])
def test_the_columns_of_views_are_listed(name, tables):
    """The page lists the columns that a query of the view has, with their types."""
    call = {"resample": "resample('spot', 'BTCUSDT', '1m', '1h')"}.get(name, name)
    told = [(row["column_name"], row["column_type"]) for row in tables.rows(f"DESCRIBE FROM {call}")]
    (line,) = (line for line in page().splitlines() if line.startswith(f"| `{name}` | "))
    shown = (f"`{column}` {sql.replace('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ')}" for column, sql in told)
    assert line.endswith(f" | {', '.join(shown)} |")
