"""Every dataset by name."""

from schemas.account import BALANCES
from schemas.archive import ARCHIVE_FILES
from schemas.dataset import Dataset
from schemas.journal import API_REQUESTS, CHECK_RESULTS, CORRECTIONS, GAPS, RUNS
from schemas.market import KLINES, PRICES, SYMBOLS, TICKERS
from schemas.orders import ALLOCATIONS, FILLS, ORDER_LISTS, ORDERS, PREVENTED_MATCHES

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        SYMBOLS,
        KLINES,
        PRICES,
        TICKERS,
        BALANCES,
        ORDERS,
        ORDER_LISTS,
        FILLS,
        ALLOCATIONS,
        PREVENTED_MATCHES,
        GAPS,
        CORRECTIONS,
        ARCHIVE_FILES,
        RUNS,
        API_REQUESTS,
        CHECK_RESULTS,
    )
}
