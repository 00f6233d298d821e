"""The same transactions computed by BittyTax and by rp2, run with a Python that has both.

    python tax_programs.py FOLDER EXPORTED VALUED

EXPORTED is what `binlake export bittytax` wrote; VALUED holds its transactions with the worth of each side in the columns
that BittyTax has for it. FOLDER takes the configurations. Prints JSON.
"""

# ruff: noqa: PLC0415 - BittyTax reads its configuration where it is imported, and neither is in the tests' environment

from __future__ import annotations

import argparse
import csv
import io
import json
import os
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

MONEY = "USDT"
# No price is asked for on the network; the quote asset is money, and a fee makes what was bought dearer.
BITTYTAX = {
    "local_currency": "USD",
    "local_timezone": "UTC",
    "fiat_list": [MONEY],
    "crypto_list": [],
    "data_source_fiat": [],
    "data_source_crypto": [],
    "trade_allowable_cost_type": 0,
}
# To BittyTax these are moves between wallets of one person, without a cost. What comes from outside costs what it is worth.
FROM_OUTSIDE = {"Deposit": "Gift-Received", "Withdrawal": "Gift-Spouse"}
RP2 = {
    "in_header": "timestamp asset exchange holder transaction_type spot_price crypto_in crypto_fee fiat_in_no_fee "
    "fiat_in_with_fee fiat_fee unique_id notes",
    "out_header": "timestamp asset exchange holder transaction_type spot_price crypto_out_no_fee crypto_fee "
    "crypto_out_with_fee fiat_out_no_fee fiat_fee unique_id notes",
    "intra_header": "timestamp asset from_exchange from_holder to_exchange to_holder spot_price crypto_sent "
    "crypto_received unique_id notes",
}


def read(exported: Path) -> dict[str, Any]:
    """What BittyTax's own import makes of a file: rows, those it cannot read, and the balances that they come to."""
    from bittytax.audit import AuditRecords

    records = _imported(exported)
    totals = AuditRecords(records.get_records()).totals
    return {
        "rows": records.success_cnt,
        "unread": records.failure_cnt,
        "balances": {asset: str(each.total) for asset, each in totals.items()},
    }


def averages(valued: Path, folder: Path) -> dict[str, Any]:
    """BittyTax's section 104 pools, which are averages, without the matching by days of the United Kingdom."""
    from bittytax.bt_types import DisposalType, TaxRules
    from bittytax.price.valueasset import ValueAsset
    from bittytax.tax import TaxCalculator, TaxEventCapitalGains
    from bittytax.transactions import Sell, TransactionHistory

    given = folder / "given.csv"
    with valued.open(newline="") as before, given.open("w", newline="") as after:
        csv.writer(after).writerows([FROM_OUTSIDE.get(kind, kind), *rest] for kind, *rest in csv.reader(before))
    history = TransactionHistory(_imported(given).get_records(), ValueAsset())
    for each in history.transactions:
        each.tid = [isinstance(each, Sell), *each.tid]  # what comes in an instant is there for what goes in it
    tax = TaxCalculator(history.transactions, TaxRules.UK_INDIVIDUAL)
    tax.other_transactions = tax.transactions
    tax.process_section104(skip_integrity_check=True)
    gains: defaultdict[str, list[Decimal]] = defaultdict(list)
    for event in (event for year in tax.tax_events.values() for event in year):
        if isinstance(event, TaxEventCapitalGains) and event.disposal_type is DisposalType.SECTION_104:
            gains[event.asset].append(event.gain)
    return {
        "pools": {asset: [str(each.quantity), str(each.cost + each.fees)] for asset, each in tax.holdings.items()},
        "gains": {asset: [str(sum(each)), len(each)] for asset, each in gains.items()},
    }


def _imported(path: Path) -> Any:
    from bittytax.import_records import ImportRecords

    records = ImportRecords()
    with path.open(newline="") as file:
        records.import_csv(file, str(path))
    return records


@dataclass(frozen=True)
class Side:
    """What came or went in a transaction: `net` is its value and the fee that it bears."""

    number: int
    time: str
    asset: str
    qty: Decimal
    value: Decimal
    net: Decimal
    note: str


def first_in_first_out(valued: Path, folder: Path) -> list[list[str]]:
    """Each part of a disposal as rp2 takes it from a lot: asset, note, when the lot came, amount, cost and proceeds."""
    from prezzemolo.avl_tree import AVLTree
    from rp2.accounting_engine import AccountingEngine
    from rp2.configuration import MIN_DATE, Configuration
    from rp2.input_data import InputData
    from rp2.plugin.accounting_method.fifo import AccountingMethod
    from rp2.plugin.country.us import US
    from rp2.tax_engine import compute_tax

    ins, outs = _sides(valued)
    (folder / "rp2.ini").write_text(_ini(sorted(ins)))
    configuration = Configuration(str(folder / "rp2.ini"), US())
    methods: Any = AVLTree()
    methods.insert_node(MIN_DATE.year, AccountingMethod())
    found = []
    for asset in ins:
        sets = _transactions(configuration, asset, ins[asset], outs.get(asset, []))
        for part in compute_tax(configuration, AccountingEngine(methods), InputData(asset, *sets)).gain_loss_set:
            cost, gain, lot = part.fiat_cost_basis, part.fiat_gain, part.acquired_lot.timestamp
            told = (part.taxable_event.unique_id, lot.isoformat(), part.crypto_amount, cost, cost + gain)
            found.append([asset, *map(str, told)])
    return found


def _transactions(configuration: Any, asset: str, ins: list[Side], outs: list[Side]) -> list[Any]:
    from rp2.configuration import MAX_DATE, MIN_DATE
    from rp2.in_transaction import InTransaction
    from rp2.out_transaction import OutTransaction
    from rp2.rp2_decimal import ZERO, RP2Decimal
    from rp2.transaction_set import TransactionSet

    sets = [TransactionSet(configuration, kind, asset, MIN_DATE, MAX_DATE) for kind in ("IN", "OUT", "INTRA")]
    for side in ins:
        price, value, net = (RP2Decimal(each) for each in (side.value / side.qty, side.value, side.net))
        named = {"row": side.number, "unique_id": side.note, "fiat_in_no_fee": value, "fiat_in_with_fee": net}
        whole = (configuration, side.time, asset, "Binance", "me", "BUY", price, RP2Decimal(side.qty), ZERO)
        sets[0].add_entry(InTransaction(*whole, **named))
    for side in outs:
        price, net = RP2Decimal(side.net / side.qty), RP2Decimal(side.net)
        named = {"row": side.number, "unique_id": side.note, "fiat_out_no_fee": net}
        whole = (configuration, side.time, asset, "Binance", "me", "SELL", price, RP2Decimal(side.qty), ZERO)
        sets[1].add_entry(OutTransaction(*whole, **named))
    return sets


def _sides(valued: Path) -> tuple[dict[str, list[Side]], dict[str, list[Side]]]:
    """What came and what went, by asset. A fee is borne by what was bought, or else by what was sold."""
    ins: defaultdict[str, list[Side]] = defaultdict(list)
    outs: defaultdict[str, list[Side]] = defaultdict(list)
    with valued.open(newline="") as file:
        for number, (kind, *cells, _, time, note) in enumerate(list(csv.reader(file))[1:]):
            buy, sell, paid = (_side(3 * number + n, time, note, *cells[3 * n : 3 * n + 3]) for n in range(3))
            fee = Decimal(cells[8] or 0) if kind in {"Trade", "Spend"} else Decimal(0)  # not that of a withdrawal
            if buy:
                ins[buy.asset].append(replace(buy, net=buy.value + fee))
            if sell:
                outs[sell.asset].append(replace(sell, net=sell.value - (0 if buy else fee)))
            if paid:
                outs[paid.asset].append(paid)
    return ins, outs


def _side(number: int, time: str, note: str, qty: str, asset: str, value: str) -> Side | None:
    if not qty or asset == MONEY:
        return None
    return Side(number, time, asset, Decimal(qty), Decimal(value), Decimal(value), note)


def _ini(assets: list[str]) -> str:
    lines = ["[general]", f"assets = {', '.join(assets)}", "exchanges = Binance", "holders = me"]
    for name, columns in RP2.items():
        lines += [f"[{name}]", *(f"{column} = {number}" for number, column in enumerate(columns.split()))]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("folder", "exported", "valued"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    os.environ["HOME"] = str(options.folder)
    config = options.folder / ".bittytax" / "bittytax.conf"
    config.parent.mkdir()
    config.write_text(json.dumps(BITTYTAX))  # JSON is YAML
    os.chdir(options.folder)  # rp2 keeps a log beside itself
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        told = {
            "read": read(options.exported),
            "averages": averages(options.valued, options.folder),
            "parts": first_in_first_out(options.valued, options.folder),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
