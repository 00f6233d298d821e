"""What one cursor walks: a dataset with one value for each column that names its series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.model.dataset import Dataset


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """A series of a dataset, ordered by its name in the log."""

    id: str
    dataset: Dataset = field(compare=False, repr=False)

    @classmethod
    def of(cls, dataset: Dataset, **values: str) -> Series:
        return cls(dataset.series_id(values), dataset)

    @property
    def values(self) -> dict[str, str]:
        return self.dataset.series_values(self.id)

    def bound(self, name: str, bounds: Mapping[str, int]) -> int | None:
        """One field of the series' cursor, out of all that the log of its table holds."""
        return bounds.get(f"{self.id}#{name}")
