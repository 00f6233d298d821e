"""What the answer to a question follows from, told by the logs alone, without asking it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.lake.lake import Lake
from connectors.lake.sql.catalog import TABLES, UNIONS, Definition, named, needed, united
from connectors.lake.table import Parts
from schemas.datasets import DATASETS
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem


@dataclass(frozen=True, slots=True)
class Sources:
    """The statements of all views that a question reads, and the data files of each table, by partition.

    As long as both stay as they are, only what the logs say of series may change the answer.
    """

    statements: Sequence[str]
    tables: Mapping[str, Parts]


def sources(lake: Lake, sql: str) -> Sources:
    """What a question reads; of a log that cannot be read, why."""
    parts = {dataset.table: _parts(lake, dataset) for dataset in DATASETS.values()}
    holding = frozenset(dataset.name for dataset in DATASETS.values() if parts[dataset.table])

    def reads(view: Definition) -> frozenset[str]:
        return united(view.name, holding)[1] if view.name in UNIONS else view.reads

    views = needed(named(sql), reads)
    united_over = [united(view.name, holding)[0] for view in views if view.name in UNIONS]
    return Sources(
        [sql, *(view.sql for view in views), *united_over],
        {view.name: parts[view.name] for view in views if view.name in TABLES},
    )


def _parts(lake: Lake, dataset: Dataset) -> Parts:
    try:
        return lake.table(dataset).parts()
    except Problem as problem:
        return [({}, [str(problem)])]
