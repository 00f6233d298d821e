"""Every dataset by name, collected from the modules that declare them."""

from schemas import account, archive, journal, ledgers, market, orders
from schemas.dataset import Dataset

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for module in (market, account, orders, ledgers, archive, journal)
    for dataset in vars(module).values()
    if isinstance(dataset, Dataset)
}
