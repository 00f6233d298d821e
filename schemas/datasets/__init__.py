"""Every dataset by name, collected from the modules beside this file: a declaration there is all it takes."""

from importlib import import_module
from pkgutil import iter_modules

from schemas.model.dataset import Dataset, Role

# As a reader meets them; other modules follow by name.
_FIRST = ("market", "account", "orders", "ledgers", "payments", "margin", "futures_account")

_found = {module.name for module in iter_modules(__path__)}

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for module in (*_FIRST, *sorted(_found - {*_FIRST}))
    for dataset in vars(import_module(f"{__name__}.{module}")).values()
    if isinstance(dataset, Dataset)
}


def playing(role: Role) -> tuple[Dataset, ...]:
    """The datasets that play a role."""
    return tuple(dataset for dataset in DATASETS.values() if dataset.role is role)


def with_role(role: Role) -> Dataset:
    """The dataset that plays a role; of several, the first that is declared, which is meant where none is named."""
    return playing(role)[0]
