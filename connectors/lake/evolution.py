"""A table that was written before a column was declared gets that column."""

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

NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def evolve(delta: DeltaTable, dataset: Dataset, root: Path) -> None:
    """Add the nullable columns that the stored table lacks; refuse a table of another binlake. Only under its lock."""
    lacking = _lacking(delta, dataset, root)
    if lacking:
        delta.alter.add_columns(lacking, post_commithook_properties=NO_HOOKS)
        delta.update_incremental()
    _say_where_null(delta, dataset)


def _lacking(delta: DeltaTable, dataset: Dataset, root: Path) -> list[Field]:
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
    """Record that old files hold only NULL in a new column: readers that prune would take silence for no NULL."""
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
