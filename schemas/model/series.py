"""What one cursor walks: a dataset with one value for each column that names its series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from urllib.parse import quote, unquote

from schemas.model.dataset import Dataset

_quoted = cache(partial(quote, safe=""))  # the few names of a lake, in thousands of series each time


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One series of a dataset, ordered by its values. `id` is its name in the log of its table.

    `key` is the name of the dataset and the values: what tells two series apart.
    """

    key: tuple[str, ...]
    id: str = field(compare=False, repr=False)
    dataset: Dataset = field(compare=False, repr=False)

    @classmethod
    def of(cls, dataset: Dataset, **values: str) -> Series:
        """The series that these values name."""
        return cls.of_row(dataset, values)

    @classmethod
    def of_row(cls, dataset: Dataset, row: Mapping[str, Any]) -> Series:
        """The series that a row belongs to."""
        values = [row[name] for name in dataset.series]
        return cls((dataset.name, *values), "/".join(map(_quoted, values)), dataset)

    @classmethod
    def with_id(cls, dataset: Dataset, series_id: str) -> Series:
        """The series with this name in the log."""
        return cls((dataset.name, *map(unquote, series_id.split("/"))), series_id, dataset)

    def __getitem__(self, column: str) -> str:
        return self.key[self.dataset.series.index(column) + 1]

    @property
    def values(self) -> dict[str, str]:
        """The value of each column that names the series."""
        return dict(zip(self.dataset.series, self.key[1:], strict=True))

    @property
    def name(self) -> str:
        """The series as a person reads it, such as `spot/BTCUSDT/1m`."""
        return "/".join(self.key[1:])

    @property
    def full_name(self) -> str:
        """The same with its dataset, such as `klines/spot/BTCUSDT/1m`."""
        return "/".join(self.key)

    def in_dataset(self, dataset: Dataset) -> Series:
        """The series of another dataset that has the same values."""
        return Series.of_row(dataset, self.values)

    def field_id(self, name: str) -> str:
        """The name of one field of the series' cursor in the log of its table."""
        return f"{self.id}#{name}"

    def bound(self, name: str, bounds: Mapping[str, int]) -> int | None:
        """One field of the series' cursor, out of all that the log of its table holds."""
        return bounds.get(self.field_id(name))
