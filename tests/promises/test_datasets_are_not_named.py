"""A dataset is a declaration: what the program does with it follows from what it declares, not from its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import pipelines
from schemas.datasets import DATASETS, archive, journal, rates, statements
from schemas.model.dataset import Dataset

ROOT = Path(pipelines.__file__).parent
SUBJECTS = {"candles", "trading"}  # the rooms with a logic of their own
OWN_MODULES = (archive, journal, rates, statements)
OWN = {name: one for module in OWN_MODULES for name, one in vars(module).items() if isinstance(one, Dataset)}
NAMES = set(DATASETS) - {one.name for one in OWN.values()}
ALSO_A_KEY = {"symbols"}  # of flows.yaml, and a parameter of the exchange


def named(source: str) -> Iterator[str]:
    """The exchange's datasets that a module imports or spells out."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str() as module, names=names) if module.startswith("schemas.datasets"):
                found = {one.name: getattr(import_module(module), one.name, None) for one in names}
                yield from (name for name, one in found.items() if isinstance(one, Dataset) and name not in OWN)
                yield from (name for name in found if f"{module}.{name}" in _modules())
            case ast.Import(names=names):
                yield from (one.name for one in names if one.name in _modules())
            case ast.Constant(value=str() as text) if text in NAMES - ALSO_A_KEY:
                yield text


def _modules() -> set[str]:
    """The modules that declare datasets of the exchange."""
    files = (ROOT.parent / "schemas" / "datasets").glob("*.py")
    return {f"schemas.datasets.{file.stem}" for file in files} - {module.__name__ for module in OWN_MODULES}


@pytest.mark.parametrize("place", sorted(ROOT.rglob("*.py")), ids=lambda place: str(place.relative_to(ROOT)))
def test_only_candles_and_trading_name_datasets(place: Path) -> None:
    """Outside the rooms of candles and trading, no module of `pipelines` knows a dataset of the exchange by name."""
    inside = place.relative_to(ROOT).parts[0] in SUBJECTS
    assert inside or not list(named(place.read_text("utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "from schemas.datasets.market import KLINES",
        "from schemas.datasets.orders import FILLS as ROWS",
        "from schemas.datasets import market",
        "import schemas.datasets.orders",
        "wanted = 'fills' in flow.datasets",
    ],
)
def test_a_named_dataset_is_found(source: str) -> None:
    """However a module names a dataset, it is seen."""
    assert list(named(source))


def test_what_binlake_writes_about_itself_may_be_named() -> None:
    """The tables that binlake fills by itself are not the exchange's, and have one writer each that names them."""
    assert not list(named("from schemas.datasets.journal import GAPS\nfrom schemas.datasets.archive import Reason"))
