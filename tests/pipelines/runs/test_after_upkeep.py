"""What is known of a lake stays known once upkeep or a correction has rewritten its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from support.lakes import rows_of, small_lake

from connectors.lake import Lake, Move
from connectors.lake.sql.session import connect, run
from connectors.lake.upkeep.compact import FEWEST
from pipelines.pull.symbols import covered
from pipelines.trading.cursors import known_symbols, stands_of
from schemas.datasets import DATASETS
from schemas.datasets.orders import FILLS, ORDERS
from schemas.derived.sql import SERIES_COLUMNS
from schemas.model.dataset import Dataset
from schemas.model.fields import TEXT, TIME
from schemas.model.series import Series

SERIES = dict.fromkeys(SERIES_COLUMNS, "x") | {
    "account": "main",
    "market": "spot",
    "wallet": "spot",
    "type": "MAIN_FUNDING",
    "symbol": "BTCUSDT",
    "interval": "1d",
}
WITH_SERIES = [dataset for dataset in DATASETS.values() if dataset.series]
CHOSEN = [*{dataset.series: dataset for dataset in reversed(WITH_SERIES)}.values(), FILLS]  # one of each kind of series


def rewritten(folder: Path, datasets: Iterable[Dataset]) -> Lake:
    """A lake with one series in each dataset, each of which upkeep has merged files of."""
    lake = small_lake(folder)
    for dataset in datasets:
        table, series = lake.table(dataset), Series.of_row(dataset, SERIES)
        instants = {column.name: "2026-01-01" for column in dataset.columns if column.type is TIME}
        texts = {column.name for column in dataset.columns if column.type is TEXT}
        row = instants | {name: value for name, value in SERIES.items() if name in texts}
        table.commit(rows_of(dataset, row), [Move.of(series, {}, table.bounds())])
        for _ in range(FEWEST):
            table.commit(rows_of(dataset, row), [])
        assert table.maintain().merged
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return rewritten(tmp_path_factory.mktemp("upkeep"), CHOSEN)


@pytest.fixture(scope="module")
def session(lake: Lake) -> Iterator[DuckDBPyConnection]:
    with connect(lake) as session:
        yield session


@pytest.mark.parametrize("dataset", CHOSEN, ids=lambda dataset: dataset.name)
def test_a_rewritten_table_lists_its_series_and_no_other(
    lake: Lake, session: DuckDBPyConnection, dataset: Dataset
) -> None:
    """The log's own notes of a rewrite are taken for a series by no reader."""
    lists_its_series(lake, session, dataset)


@pytest.mark.soak
def test_every_rewritten_table_lists_its_series_and_no_other(tmp_path: Path) -> None:
    """The same of every dataset."""
    lake = rewritten(tmp_path, WITH_SERIES)
    with connect(lake) as session:
        for dataset in WITH_SERIES:
            lists_its_series(lake, session, dataset)


def lists_its_series(lake: Lake, session: DuckDBPyConnection, dataset: Dataset) -> None:
    assert [series.values for series, _ in lake.table(dataset).series()] == [
        {name: SERIES[name] for name in dataset.series}
    ]
    found = run(session, f"SELECT revision FROM bounds WHERE dataset = '{dataset.name}'").to_pylist()
    assert found == [{"revision": 1}]


@pytest.mark.parametrize(
    "known", [lambda lake: covered(lake, "spot"), lambda lake: known_symbols(lake, "main", "spot")]
)
def test_the_symbols_of_a_rewritten_lake_are_still_known(lake: Lake, known: Callable[[Lake], set[str]]) -> None:
    """What `symbols: top` keeps and what `symbols: traded` means survive a rewrite."""
    assert known(lake) == {"BTCUSDT"}


@pytest.mark.parametrize("dataset", [ORDERS, FILLS], ids=lambda dataset: dataset.name)
def test_an_account_stands_where_it_stood_before_a_rewrite(lake: Lake, dataset: Dataset) -> None:
    """The bounds of an account's series are found by symbol."""
    assert set(stands_of(lake, dataset, "main", "spot")) == {"BTCUSDT"}
