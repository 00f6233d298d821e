"""A table written before a column was declared, or declared nullable, follows with the next commit."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from deltalake import DeltaTable, PostCommitHookProperties, Schema
from deltalake.schema import Field
from deltalake.transaction import AddAction

from connectors.lake.files.snapshot_files import LiveFile, live_files
from connectors.lake.files.statistics import statistics_json
from schemas.model.dataset import Dataset
from schemas.model.errors import UsageProblem

# Else Delta keeps statistics of the first 32 columns only, and those of later ones would look missing for ever.
STATISTICS = {"delta.dataSkippingNumIndexedCols": "-1"}
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def evolve(delta: DeltaTable, dataset: Dataset, root: Path) -> None:
    """Give the stored table the nullable columns that it lacks, and statistics of all. Only under its lock.

    A column that had to have a value, and is declared nullable since, becomes nullable.
    """
    if not STATISTICS.items() <= delta.metadata().configuration.items():
        delta.alter.set_table_properties(STATISTICS)
        delta.update_incremental()
    say_where_null(delta, dataset)  # first: readers that prune take silence on a column for no NULL
    news = new_columns(delta, dataset, root)
    if news:
        delta.alter.add_columns(news, post_commithook_properties=NO_HOOKS)  # which also relaxes those that are there
        delta.update_incremental()


def new_columns(delta: DeltaTable, dataset: Dataset, root: Path) -> list[Field]:
    """The declared columns that the stored table lacks, or never lets be NULL; UsageProblem for another binlake's."""
    stored = {field.name: field for field in delta.schema().fields}
    declared = {field.name: field for field in Schema.from_arrow(dataset.stored_schema).fields}
    news = [field for name, field in declared.items() if stored.get(name) != field]
    strange = sorted(
        (stored.keys() - declared.keys())
        | {field.name for field in news if not field.nullable}
        | {field.name for field in news if field.name in stored and stored[field.name].type != field.type}
    )
    if strange:
        raise UsageProblem(
            f"The table {root} was written with other columns: {', '.join(strange)}.",
            "Use the version of binlake that wrote it, or a newer one.",
        )
    return news


def say_where_null(delta: DeltaTable, dataset: Dataset) -> None:
    """Record that old files hold only NULL in a new column."""
    columns = dataset.file_schema.names
    silent = [file for file in live_files(delta) if any(file.nulls.get(name) is None for name in columns)]
    if not silent:
        return
    delta.create_write_transaction(
        [_again(file, columns) for file in silent],
        mode="append",
        schema=delta.schema(),
        partition_by=list(dataset.partition),
        post_commithook_properties=NO_HOOKS,
    )
    delta.update_incremental()


def _again(file: LiveFile, columns: Collection[str]) -> AddAction:
    """The same live file, with the columns it does not hold counted as NULL."""
    nulls = {name: file.rows if (count := file.nulls.get(name)) is None else count for name in columns}
    statistics = statistics_json(file.rows, file.low, file.high, nulls)
    return AddAction(file.path, file.size, file.partition, file.modified_ms, data_change=False, stats=statistics)
