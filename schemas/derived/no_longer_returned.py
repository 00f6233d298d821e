"""Rows of movements that the exchange returned once and no longer does: which of them count, and what they moved.

A row with an id whose state was final most likely fell out of what the exchange keeps, or was hidden: the money moved.
A row without an id cannot be told from one that changed, which is there under its new values, and a row that was still
open may have been undone: neither counts.
"""

from __future__ import annotations

from schemas.datasets import DATASETS
from schemas.model.dataset import Dataset, Kind


def with_those_that_count(name: str, sql: str) -> str:
    """A query over a dataset that takes only what is returned, made to take also what counts all the same."""
    dataset = DATASETS[name]
    if dataset.kind is not Kind.VERSIONS or dataset.counted:
        return sql
    return _over(name, f"SELECT * REPLACE (CASE WHEN NOT ({_counts(dataset)}) THEN gone_since END AS gone_since)", sql)


def of_those_alone(name: str, sql: str) -> list[tuple[str, bool]]:
    """The same query over such rows alone: over those that count, and over those that do not."""
    dataset = DATASETS[name]
    if dataset.kind is not Kind.VERSIONS:
        return []
    counting = [(_counts(dataset), True), (f"NOT ({_counts(dataset)})", False)]
    unseen = "SELECT * REPLACE (NULL::TIMESTAMPTZ AS gone_since)"
    return [
        (_over(name, unseen, sql, f" WHERE gone_since IS NOT NULL AND {condition}"), counts)
        for condition, counts in counting
        if condition not in {"false", "NOT (true)"}
    ]


def _counts(dataset: Dataset) -> str:
    if dataset.counted:
        return "false"
    undone = [f'"{each.column}"::VARCHAR NOT IN ({str(list(each.open))[1:-1]})' for each in dataset.states if each.open]
    return " AND ".join(undone) or "true"


def _over(name: str, columns: str, sql: str, where: str = "") -> str:
    return f"WITH {name} AS ({columns} FROM {name}{where})\nFROM (\n{sql}\n)"
