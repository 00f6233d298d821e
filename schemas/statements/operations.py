"""What the operations of a transaction history are in the words of `ledger`."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def operation_kinds() -> dict[str, str]:
    """The kind of movement by the operation in small letters.

    A `transfer` goes in or out by its sign, and so does what goes into `earn` and comes back; `mirror` is told of by
    another row too.
    """
    text = files("schemas").joinpath("statements", "operations.csv").read_text("utf-8")
    return {row["operation"].lower(): row["kind"] for row in csv.DictReader(text.splitlines())}
