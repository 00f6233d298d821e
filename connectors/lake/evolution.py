"""A table that was written before a column was declared gets that column with the next commit."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from deltalake import DeltaTable, PostCommitHookProperties, Schema
from deltalake.schema import Field
from deltalake.transaction import AddAction

from connectors.lake.live import LiveFile, live_files
from connectors.lake.statistics import statistics_json
from schemas.dataset import Dataset
from schemas.errors import UsageProblem

# Else Delta keeps statistics of the first 32 columns only, and those of later ones would look missing for ever.
STATISTICS = {"delta.dataSkippingNumIndexedCols": "-1"}
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def evolve(delta: DeltaTable, dataset: Dataset, root: Path) -> None:
    """Give the stored table the nullable columns that it lacks, and statistics of all. Only under its lock."""
    if not STATISTICS.items() <= delta.metadata().configuration.items():
        delta.alter.set_table_properties(STATISTICS)
        delta.update_incremental()
    _say_where_null(delta, dataset)  # first: readers that prune take silence on a column for no NULL
    lacking = lacking_columns(delta, dataset, root)
    if lacking:
        delta.alter.add_columns(lacking, post_commithook_properties=NO_HOOKS)
        delta.update_incremental()


def lacking_columns(delta: DeltaTable, dataset: Dataset, root: Path) -> list[Field]:
    """The declared columns that the stored table lacks; UsageProblem for a table of another binlake."""
    stored = {field.name: field for field in delta.schema().fields}
    declared = {field.name: field for field in Schema.from_arrow(dataset.stored_schema).fields}
    lacking = [field for name, field in declared.items() if name not in stored]
    strange = sorted(
        {name for name, field in stored.items() if declared.get(name) != field}
        | {field.name for field in lacking if not field.nullable}
    )
    if strange:
        raise UsageProblem(
            f"The table {root} was written with other columns: {', '.join(strange)}.",
            "Use the version of binlake that wrote it, or a newer one.",
        )
    return lacking


def _say_where_null(delta: DeltaTable, dataset: Dataset) -> None:
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
