"""Exports are read to the last digit, whatever their layout; what a spreadsheet or a cut has damaged is refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from support.lakes import at

from pipelines.statements.assets import Assets
from pipelines.statements.rows import Reading
from pipelines.statements.sources import sources
from schemas.model.errors import UsageProblem
from schemas.statements.exports import EXPORTS
from schemas.statements.operations import operation_kinds

HISTORY = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark"
FIRST = "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1.50000000,"
TORN = "utc_time_v2_many_operations_2020-2025.csv"  # of fifteen accounts, with an open quote


def read(path: Path, zone: str | None = None, kind: str | None = None) -> tuple[Reading, list[dict[str, object]]]:
    """Every row of the exports in a file."""
    rows: list[dict[str, object]] = []
    for source in sources(path):
        reading = Reading(source=source, account="main", file=source.sha256(), imported_at=1, zone=zone, kind=kind)
        rows += pa.concat_tables(reading.batches()).to_pylist()
    return reading, rows


def written(path: Path, *lines: str, header: str = HISTORY, end: str = "\n") -> Path:
    """An export of these lines."""
    path.write_text("\n".join((header, *lines)) + end, encoding="utf-8")
    return path


def refusal(path: Path, zone: str | None = None) -> str:
    """What is said of an export that cannot be read."""
    with pytest.raises(UsageProblem) as raised:
        read(path, zone)
    return str(raised.value)


def test_every_recorded_export_is_read(recorded: Path) -> None:
    """Each file that a person downloaded is read, its amounts as printed; but for a torn one."""
    files = sorted(path for path in (recorded / "statements").glob("*/**/*.csv") if path.name != TORN)
    kinds = Counter(read(path, None if "UTC" in path.name else "UTC")[0].kind for path in files if _has_rows(path))
    assert len(files) > 60
    assert kinds["transaction_history"] >= 15
    assert set(kinds) <= {each.kind for each in EXPORTS}


def _has_rows(path: Path) -> bool:
    return "No data" not in path.read_text("utf-8-sig")


def test_a_torn_file_is_refused(recorded: Path) -> None:
    """An open quote would swallow the line after it, so that it is named instead."""
    said = refusal(recorded / "statements" / "transaction-history" / TORN)
    assert f"{TORN}, line 101: it cannot be taken apart, as its quotes do not close." in said


def test_each_account_of_a_mixed_file_is_read(recorded: Path, tmp_path: Path) -> None:
    """Cut into the accounts that it mixes, every line is read but the one whose quote is open."""
    header, *lines = (recorded / "statements" / "transaction-history" / TORN).read_text("utf-8-sig").splitlines()
    by_uid: dict[str, list[str]] = {}
    for line in filter(str.strip, lines):
        by_uid.setdefault(line.strip().split(",")[0].strip('"'), []).append(line)
    torn = [line for line in lines if line.endswith('"\\')]
    assert len(torn) == 1
    for uid, own in by_uid.items():
        sound = [line for line in own if line not in torn]
        _, rows = read(written(tmp_path / f"{uid}.csv", *sound, header=header))
        assert len(rows) == len(sound)
        assert {row["problem"] for row in rows} == {None}


def test_every_operation_is_known(recorded: Path) -> None:
    """Each of the 178 names that public sources know is mapped to a kind of movement."""
    lines = (recorded / "statements" / "operations.md").read_text("utf-8").splitlines()
    named = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "---" not in line][1:]
    spelled = {each.split(" (only seen")[0].strip().lower() for name in named for each in name.split(" / ")}
    assert len(named) == 178
    assert spelled <= operation_kinds().keys()


@pytest.mark.parametrize(
    ("header", "line", "legs"),
    [
        (
            "Date(UTC),Pair,Side,Price,Executed,Amount,Fee",
            '2024-01-10 10:00:00,1INCHUSDT,SELL,"1,000.5",0.23031INCH,230.41515USDT,0.00011INCH',
            [("trade", "1INCH", "-0.2303"), ("trade", "USDT", "230.41515"), ("fee", "1INCH", "-0.0001")],
        ),
        (
            "Čas,Pár,Strana,Cena,Provedeno,Částka,Poplatek",
            "24-01-10 10:00:00,ADAEUR,BUY,0.5,5ADA,2.5EUR,0.0000114BNB",
            [("trade", "ADA", "5"), ("trade", "EUR", "-2.5"), ("fee", "BNB", "-0.0000114")],
        ),
        (
            "Fecha(UTC),Par,Lado,Precio,Ejecutado,Importe,Comisión",
            "10/01/2024 10:00:00,ADAEUR,Compra,0.5,5ADA,2.5EUR,0EUR",
            [("trade", "ADA", "5"), ("trade", "EUR", "-2.5")],
        ),
        (
            "Date(UTC),Coin,Network,Amount,Fee,Address,TXID,Status",
            "2024-01-10 10:00:00,TAO,TAO,9.9997,0.0003,x,y,Completed",
            [("withdrawal", "TAO", "-9.9997"), ("withdrawal_fee", "TAO", "-0.0003")],
        ),
        (
            "Time,Wallet,Pair,Type,Sell,Buy,Price,Inverse Price,Date Updated,Status",
            "24-01-10 10:00:00,SPOT,ETHBUSD,Instant,124.60184573 BUSD,0.03158115 ETH,x,x,,Successful",
            [("convert", "BUSD", "-124.60184573"), ("convert", "ETH", "0.03158115")],
        ),
        (
            "User_ID;UTC_Time;Account;Operation;Coin;Change;Remark",
            "7;2024-01-10 10:00:00;Spot;Deposit;BTC;1.234,50000000;",
            [("Deposit", "BTC", "1234.5")],
        ),
        (HISTORY, "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1.362E-05,", [("Deposit", "BTC", "0.00001362")]),
        (HISTORY, f"7,2024-01-10 10:00:00,Spot,Deposit,BTC,-{'0' * 40}1.5,", [("Deposit", "BTC", "-1.5")]),
        (HISTORY, "7,2024-01-10 10:00:00,Spot,Deposit,BTC,3.8E-7,", [("Deposit", "BTC", "0.00000038")]),
    ],
)
def test_what_a_line_moves(header: str, line: str, legs: list[tuple[str, str, str]], tmp_path: Path) -> None:
    """Each asset of a line is a leg with its sign, in every language, with either mark before the decimals (D16)."""
    _, rows = read(written(tmp_path / "export.csv", line, header=header), zone="UTC")
    found = [(row["operation"], row["asset"], row["amount"]) for row in rows]
    assert found == [(operation, asset, Decimal(amount)) for operation, asset, amount in legs]
    assert {row["time"] for row in rows} == {at("2024-01-10 10:00")}
    assert [row["raw"] is None for row in rows] == [number > 0 for number in range(len(rows))]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Date(UTC),Coin,Network,Amount,Fee,Address,TXID,Status", "{},TAO,TAO,-9.9997,0.0003,x,y,Completed"),
        ("Date(UTC),Coin,Network,Amount,Fee,Address,TXID,Status", "{},TAO,TAO,9.9997,-0.0003,x,y,Completed"),
        ("Date(UTC),Pair,Side,Price,Executed,Amount,Fee", "{},ADAEUR,SELL,0.5,-5ADA,2.5EUR,0.1BNB"),
        ("Date(UTC),Pair,Side,Price,Executed,Amount,Fee", "{},ADAEUR,BUY,0.5,5ADA,-2.5EUR,0.1BNB"),
    ],
)
def test_a_sign_that_a_column_does_not_have(header: str, line: str, tmp_path: Path) -> None:
    """Below zero where the column or the side says which way it went, a row may mean either: nothing of it counts."""
    _, rows = read(written(tmp_path / "export.csv", line.format("2024-01-10 10:00:00"), header=header))
    assert {(row["amount"], row["problem"]) for row in rows} == {(None, "below zero in a column without signs")}


def test_a_fee_that_was_given_back(tmp_path: Path) -> None:
    """Of makers, a fee below zero is what they were paid."""
    header, line = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee", f"{NOON},ADAEUR,BUY,0.5,5ADA,2.5EUR,-0.1EUR"
    _, rows = read(written(tmp_path / "export.csv", line, header=header))
    assert (rows[2]["operation"], rows[2]["amount"]) == ("fee", Decimal("0.1"))


FUTURES_FILL = "Uid,Time(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade ID,Order ID"
INCOME = "Time(UTC),Type,Amount,Asset,Symbol,Transaction ID"
MARKET = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin"
TAX_REPORT = (
    "ID,Date,Type,Label,Detail,Order Type,Sent Amount,Sent Currency,Sent Value (EUR),Sent Address,Received Amount,"
    "Received Currency,Received Value (EUR),Received Address,Fee Amount,Fee Currency,Fee Value (EUR)"
)
NOON = "2024-01-10 12:00:00"


@pytest.mark.parametrize(
    ("header", "line", "legs"),
    [
        (
            FUTURES_FILL,
            f"1,{NOON},BTCUSDC,SELL,2,1,2,0.29528919 USDC,-0.28699999,false,false,4,49",
            ["usdm realized_pnl USDC -0.28699999", "usdm fee USDC -0.29528919"],
        ),
        (FUTURES_FILL, f"1,{NOON},ETHUSDT_240329,BUY,2,1,2,0.1BNB,0,true,false,4,49", ["usdm fee BNB -0.1"]),
        (
            FUTURES_FILL,
            f"1,{NOON},BTCUSD_PERP,SELL,2,1,2,-0.1BTC,0.5,true,false,4,49",
            ["coinm realized_pnl BTC 0.5", "coinm fee BTC 0.1"],
        ),
        (
            FUTURES_FILL,
            f"1,{NOON},BTCUSDT,SELL,2,1,2,0.1 BNFCR,0.5,true,false,4,49",
            ["usdm realized_pnl BNFCR 0.5", "usdm fee BNFCR -0.1"],
        ),
        (
            FUTURES_FILL,
            f"1,{NOON},ASSETQUOTE,SELL,2,1,2,0.1 BNB,0.5,true,false,4,49",
            ["usdm realized_pnl None None: which margin its contract has is not known", "usdm fee BNB -0.1"],
        ),
        (
            "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Fee Coin,Quote Asset",
            f"{NOON},BTCUSDT,SELL,2,1,2,0.1,USDT,USDT",
            ["usdm fee USDT -0.1"],
        ),
        (INCOME, f"{NOON},FUNDING_FEE,-0.8,USDT,BTCUSDT,1", ["usdm FUNDING_FEE USDT -0.8"]),
        (INCOME, f"{NOON},TRANSFER,-8,USDT,,1", ["usdm TRANSFER USDT -8"]),
        (INCOME, f"{NOON},FUNDING_FEE,-0.8,BTC,BTCUSD_PERP,1", ["coinm FUNDING_FEE BTC -0.8"]),
        (
            INCOME,
            f"{NOON},TRANSFER,-8,BTC,,1",
            ["None TRANSFER BTC -8: it does not say which of the futures wallets moved"],
        ),
        (
            MARKET,
            f"{NOON},1INCHUSDT,SELL,2,99.4,149.8952,0.0994,BNB",
            ["spot trade 1INCH -99.4", "spot trade USDT 149.8952", "spot fee BNB -0.0994"],
        ),
        (
            "Date(UTC),Market,Type,Side,Price,Amount,Total,Fee,Fee Coin",
            f"{NOON},LTCBNB,MARKET,BUY,2,1,2,0,BNB",
            ["spot trade LTC 1", "spot trade BNB -2"],
        ),
        (
            (
                "Order Number,Order Type,Asset Type,Fiat Type,Total Price,Price,Quantity,Exchange rate,Maker Fee,Taker Fee,"
                "Couterparty,Status,Created Time(UTC)"
            ),
            f"1,Sell,USDT,BRL,1000.00,5.70,175.00,0.00,,0.05,AnonA,Completed,{NOON}",
            ["funding c2c USDT -175", "funding fee USDT -0.05"],
        ),
        (
            "Date(UTC),Coin,Amount,Fee (BNB),Converted BNB",
            f"{NOON},XRP,0.5753,0.00002727,0.00133619",
            ["spot dust XRP -0.5753", "spot dust BNB 0.00133619"],
        ),
        (
            "Date(UTC),Coin,Token,Amount,Status",
            f"{NOON},ETH,BETH,0.1,Success",
            ["spot stake ETH -0.1", "spot stake BETH 0.1"],
        ),
        (
            "Time(UTC),Wrapped BETH Amount,Distributed WBETH Amount,Ratio,Status",
            f"{NOON},1,0.94,1:0.94,Success",
            ["spot stake BETH -1", "spot stake WBETH 0.94"],
        ),
        (
            "Time(UTC),Coin,Amount,Account,Type,Note",
            f"{NOON},ALICE,0.5,Fiat and Spot,Distribution,BNB Vault",
            ["Fiat and Spot reward ALICE 0.5"],
        ),
        ("Date(UTC);Product Name;Coin;Amount", f"{NOON};LDO;LDO;0.5", ["spot reward LDO 0.5"]),
        (
            "Time(UTC),Coin,Amount,Type",
            f"{NOON},BTC,0.5,Real-time APR Rewards",
            ["earn_flexible reward BTC 0.5"],
        ),
        ("Time(UTC),Coin,Amount,Type", f"{NOON},BTC,0.5,Bonus Tiered APR Rewards", ["spot reward BTC 0.5"]),
        (
            "Time(UTC),Coin,Amount,Type",
            f"{NOON},BTC,0.5,Moon Rewards",
            ["None reward BTC 0.5: no wallet that binlake knows"],
        ),
        (
            "Time(UTC),Coin,Interest,Lock Period,APR,Type",
            f"{NOON},GLMR,0.03,30 Days,,Locked Rewards",
            ["spot reward GLMR 0.03"],
        ),
        (
            "Subscription Date(UTC),Coin,Total Amount,Lock Period,Type,From",
            f'{NOON},FET,"3,024.12030413",120 Days,Normal,Spot',
            ["spot earn_in FET -3024.12030413", "earn_locked earn_in FET 3024.12030413"],
        ),
        (
            "Redemption Date(UTC),Coin,Redemption Amount,Redeem to,Est. Arrival Time,Status",
            f"{NOON},ADA,0.8,SPOT Wallet,{NOON},Success",
            ["earn_locked earn_out ADA -0.8", "spot earn_out ADA 0.8"],
        ),
        (
            "Date(UTC),Method,Amount,Price,Fees,Final Amount,Status,Transaction ID",
            f"{NOON},Cash Balance,100.00 EUR,0.26 ADA/EUR,0.50 EUR,100 ADA,Completed,22",
            ["spot fiat EUR -100", "spot fiat ADA 100"],
        ),
        (
            "Date(UTC),Method,Amount,Price,Fees,Final Amount,Status,Transaction ID",
            f"{NOON},Card,100.00 EUR,0.26 ADA/EUR,0.50 EUR,100 ADA,Completed,22",
            ["spot fiat ADA 100"],
        ),
    ],
)
def test_what_the_lines_of_other_exports_move(header: str, line: str, legs: list[str], tmp_path: Path) -> None:
    """Each leg is of its own wallet; what an export leaves open counts nowhere, and says why."""
    _, rows = read(written(tmp_path / "export.csv", line, header=header), zone="UTC")
    assert [_shown(row) for row in rows] == legs


def _shown(row: dict[str, object]) -> str:
    amount = None if row["amount"] is None else f"{Decimal(str(row['amount'])).normalize():f}"
    why = f": {row['problem']}" if row["problem"] else ""
    return f"{row['wallet']} {row['operation']} {row['asset']} {amount}{why}"


def test_contracts_say_which_futures_wallet_a_file_is_of(tmp_path: Path) -> None:
    """A transfer of coins names no contract: it is of the wallet of all contracts that its file names."""
    lines = [f"{NOON},TRANSFER,-8,BTC,,1", f"{NOON},FUNDING_FEE,-0.8,BTC,BTCUSD_PERP,1"]
    _, rows = read(written(tmp_path / "export.csv", *lines, header=INCOME))
    assert {row["wallet"] for row in rows} == {"coinm"}


@pytest.mark.parametrize(("listed", "pair"), [("ADA EUR", "trade ADA 5"), ("AD AEUR", "trade AD 5")])
def test_a_pair_that_may_be_split_twice(listed: str, pair: str, tmp_path: Path) -> None:
    """ADAEUR is what the listing says; without one the file is refused, and the way out named."""
    path = written(tmp_path / "export.csv", f"{NOON},ADAEUR,BUY,2,5,10,0,BNB", header=MARKET)
    assert "line 2: 'ADAEUR' may be several pairs. Pull `symbols` of spot first" in refusal(path)
    base, quote = listed.split()
    (source,) = sources(path)
    assets = Assets({"ADAEUR": (base, quote)})
    reading = Reading(source=source, account="main", file="f", imported_at=1, assets=assets)
    assert _shown(pa.concat_tables(reading.batches()).to_pylist()[0]) == f"spot {pair}"
    unlisted = Reading(source=source, account="main", file="f", imported_at=1, assets=Assets({"A": ("B", "C")}))
    assert "more ways than one" in str(pa.concat_tables(unlisted.batches()).to_pylist()[0]["problem"])


@pytest.mark.parametrize(
    ("name", "column", "zone", "instant"),
    [
        ("export(UTC--6).csv", "Time", None, "2024-01-10 16:00"),
        ("export(UTC+7).csv", "Time", None, "2024-01-10 03:00"),
        ("export.csv", "Time(UTC+5:30)", None, "2024-01-10 04:30"),
        ("export.csv", "Time", "UTC-3", "2024-01-10 13:00"),
        ("export.csv", "UTC_Time", None, "2024-01-10 10:00"),
    ],
)
def test_the_zone_of_times(name: str, column: str, zone: str | None, instant: str, tmp_path: Path) -> None:
    """D13: the zone stands in the header, else in the file's name, else a person says it."""
    header = HISTORY.replace("UTC_Time", column)
    _, rows = read(written(tmp_path / name, FIRST, FIRST.replace("2024", "24"), header=header), zone)
    assert [row["time"] for row in rows] == [at(instant)] * 2


@pytest.mark.parametrize(
    ("header", "zone", "said"),
    [
        ("User_ID,Time,Account,Operation,Coin,Change,Remark", None, "the column Time does not say in which zone"),
        ("User_ID,Time(UTCnull),Account,Operation,Coin,Change,Remark", None, "Say it with --zone"),
        ("User_ID,Time(UTC+7),Account,Operation,Coin,Change,Remark", "UTC", "in UTC+7, not in UTC"),
        ("User_ID,Time,Account,Operation,Coin,Change,Remark", "CET", "'CET' is no zone"),
        ("User_ID,Time,Account,Operation,Coin,Change,Remark", "", "'' is no zone"),
        ("User_ID,Time,Account,Operation,Coin,Change,Remark", "UTC:30", "'UTC:30' is no zone"),
        ("User_ID,Time,Account,Operation,Coin,Change,Remark", "UTC+-3", "'UTC+-3' is no zone"),
        ("User_Id,Time,Category,Operation,Order_Id,Transaction_Id", None, "of no export that binlake knows"),
        (HISTORY.replace(",Remark", ""), None, "nearly those of transaction_history: missing remark. Give a file as"),
        (f"{HISTORY},Note", None, "nearly those of transaction_history: unknown note. Give a file as"),
        ("Coin,User_ID,UTC_Time,Account,Operation,Change,Remark", None, "their order or number differs"),
        (
            TAX_REPORT,
            None,
            "nearly those of tax_report: missing comment; unknown detail, order type, sent value (eur), ",
        ),
        ("txid,refid,time,type,subtype,aclass,asset,amount,fee,balance", None, "line 1: the columns txid,refid,time"),
        ("Date(UTC),Coin,Amount,TransactionFee,Address,TXID,SourceAddress,PaymentID,Status", None, "with --kind"),
    ],
    ids=[
        "none",
        "null",
        "other",
        "unknown",
        "empty",
        "no-hours",
        "two-signs",
        "another-site",
        "too-few",
        "too-many",
        "another-order",
        "tax-report-of-17",
        "another-exchange",
        "two-kinds",
    ],
)
def test_what_a_header_leaves_open(header: str, zone: str | None, said: str, tmp_path: Path) -> None:
    """What cannot be known is asked for, and never assumed."""
    assert said in refusal(written(tmp_path / "export.csv", FIRST, header=header), zone)


@pytest.mark.parametrize(
    "line",
    [
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,£0.025,",
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1.2E-05,",
        '7,2024-01-10 10:00:00,Spot,Deposit,BTC,"8,38977E+18",',
        '7,2024-01-10 10:00:00,Spot,Deposit,BTC,"1,234",',
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1E-0,",
        f"7,2024-01-10 10:00:00,Spot,Deposit,BTC,1E-{'9' * 5000},",
        f"7,2024-01-10 10:00:00,Spot,Deposit,BTC,{'9' * 21},",
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1,a\0b",
        f"7,2024-01-10 10:00:00,Spot,Deposit,BTC,{'9' * 27},",
        f"7,2024-01-10 10:00:00,Spot,Deposit,BTC,{'9' * 27}.0,",
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,\u0661\u0662,",
        "7,10/01/2024 10:00,Spot,Deposit,BTC,1,",
        '7,"2024-01-10\n10:00:00 ",Spot,Deposit,BTC,1,',
        "7,45301.41666,Spot,Deposit,BTC,1,",
        "7,2024-13-10 10:00:00,Spot,Deposit,BTC,1,",
        "7,10-01-24 10:00:00,Spot,Deposit,BTC,1,",
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC",
        "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1,,more",
        '7,2024-01-10 10:00:00,Spot,Deposit,BTC,1,"open',
        "8,2024-01-10 10:00:00,Spot,Deposit,BTC,1,",
    ],
)
def test_damage_is_refused_by_its_line(line: str, tmp_path: Path) -> None:
    """D16: what a spreadsheet, an editor or a cut has changed is named with file and line, and never guessed at."""
    said = refusal(written(tmp_path / "export.csv", FIRST, line))
    assert said.startswith("export.csv, line 3: ")
    assert "\n" not in said
    assert len(said) < 200


def test_a_file_of_two_accounts(tmp_path: Path) -> None:
    """The first line of the second account is named, and that the file is of both."""
    said = refusal(written(tmp_path / "export.csv", FIRST, FIRST.replace("7,", "8,", 1)))
    assert "line 3: it is of uid 8, while the lines above it are of uid 7. Import the exports of each account" in said


@pytest.mark.parametrize(
    ("zone", "time"), [("UTC+7", "0001-01-01 00:00:00"), ("UTC-7", "9999-12-31 23:59:59"), ("UTC", "99-01-10 10:00:00")]
)
def test_a_time_beyond_the_calendar(zone: str, time: str, tmp_path: Path) -> None:
    """A time that no zone can have is refused by its line."""
    line, header = FIRST.replace("2024-01-10 10:00:00", time), HISTORY.replace("UTC_Time", "Time")
    assert f"export.csv, line 2: '{time}' " in refusal(written(tmp_path / "export.csv", line, header=header), zone)


ORDERS = "Date(UTC);Pair;Type;Order Price;Order Amount;AvgTrading Price;Filled;Total;status"
ORDER = "2024-01-10 10:00:00;BTCUSDT;BUY;0.0;1;2;1;2;Filled"
FILL_NAMES = ";Date(UTC);Trading Price;Filled;Total;Fee;;;"
FILL = ";2024-01-10 10:00:01;2;1;2;0BNB;;;"


def test_fills_below_orders(tmp_path: Path) -> None:
    """Each line is kept by the names of its columns, and a fill moves what the pair and side of its order say."""
    _, rows = read(written(tmp_path / "export.csv", ORDER, FILL_NAMES, FILL, ORDER, FILL_NAMES, header=ORDERS))
    assert [(row["line"], row["operation"]) for row in sorted(rows, key=lambda row: str(row["line"]))] == [
        (2, "BUY"),
        (4, "trade"),
        (4, "trade"),
        (5, "BUY"),
    ]
    (fill,) = [json.loads(str(row["raw"])) for row in rows if row["operation"] == "trade" and row["raw"]]
    told = {"Date(UTC)": "2024-01-10 10:00:01", "Trading Price": "2", "Filled": "1", "Total": "2", "Fee": "0BNB"}
    assert fill == told
    moved = [_shown(row) for row in rows if row["line"] == 4]
    assert moved == ["spot trade BTC 1", "spot trade USDT -2"]
    assert read(written(tmp_path / "names.csv", FILL_NAMES, header=ORDERS))[1] == []


@pytest.mark.parametrize(
    "lines", [(FILL,), (FILL_NAMES, ";2024-01-10 10:00:01;2;1"), (FILL_NAMES, FILL + "more"), (";names;2;1;2;0;;;",)]
)
def test_a_fill_that_cannot_be_kept(lines: tuple[str, ...], tmp_path: Path) -> None:
    """A line below an order that is cut, too long or of unnamed columns is refused by its number."""
    said = refusal(written(tmp_path / "export.csv", ORDER, *lines, header=ORDERS))
    assert said.startswith(f"export.csv, line {len(lines) + 2}: it ")


def test_two_forms_of_dates_in_one_file(tmp_path: Path) -> None:
    """Whether days or months come first does not change within a file."""
    header = "Fecha(UTC),Par,Lado,Precio,Ejecutado,Importe,Comisión"
    lines = ["10/01/2024 10:00:00,ADAEUR,Compra,1,5ADA,5EUR,0EUR", "2024-01-10 10:00:00,ADAEUR,Compra,1,5ADA,5EUR,0EUR"]
    said = refusal(written(tmp_path / "export.csv", *lines, header=header))
    assert "line 3: '2024-01-10 10:00:00' is a time in another form" in said


def test_half_a_file(tmp_path: Path) -> None:
    """A last line that ends before its remark was cut, where the lines above have one."""
    cut = "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1.5"
    assert "line 3: it has 6 fields" in refusal(written(tmp_path / "export.csv", FIRST, cut, end=""))
    _, rows = read(written(tmp_path / "older.csv", cut, cut))
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("header", "line", "end", "told"),
    [
        ("Date(UTC),Pair,Side,Price,Executed,Amount,Fee", f"{NOON},ADAEUR,BUY,0.5,5ADA,2.5EUR,0.1BN", "", 3),
        ("Date(UTC);Product Name;Coin;Amount", f"{NOON};LDO;LDO;0.5", "", 3),
        ("Date(UTC);Product Name;Coin;Amount", f"{NOON};LDO;LDO;0.5", "\n", None),
        (HISTORY, FIRST, "", None),
    ],
    ids=["an-asset", "an-amount", "whole", "a-remark"],
)
def test_a_last_line_that_may_be_cut(header: str, line: str, end: str, told: int | None, tmp_path: Path) -> None:
    """Where a file ends within the field that counts, nothing shows whether all of it is there: its line is told."""
    reading, rows = read(written(tmp_path / "export.csv", line, line, header=header, end=end))
    assert (reading.lines, reading.open_end) == (2, told)
    assert {row["problem"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("status", "counts"),
    [("Completed", True), ("SUCCESS", True), ("Pending", False), ("Rejected", False), ("Erledigt", False), ("", False)],
)
def test_only_what_is_said_to_be_done_counts(status: str, counts: bool, tmp_path: Path) -> None:
    """A word that nobody knows is no completion, and the row says that it is the status that leaves it open."""
    header = "Date(UTC),Coin,Network,Amount,Fee,Address,TXID,Status"
    _, rows = read(written(tmp_path / "export.csv", f"{NOON},TAO,TAO,9.9997,0.0003,x,y,{status}", header=header))
    why = None if counts else "its status does not say that it took place"
    assert [row["problem"] for row in rows] == [why, why]


def test_a_row_that_says_too_little(tmp_path: Path) -> None:
    """Rows without a time, an asset or an amount are kept, and say why they move nothing."""
    lines = [
        "7,,Spot,Withdraw,BTC,0.05,",
        "7,2024-01-10 10:00:00,Spot,Deposit,,,",
        "7,2024-01-10 10:00:00,,Deposit,BTC,1,",
        "7,2024-01-10 10:00:00,Spot,Fee,BNB,-0.041427214681599996,",
    ]
    _, rows = read(written(tmp_path / "export.csv", *lines))
    assert [row["problem"] for row in rows] == [
        "no time",
        "no amount",
        "no account",
        "more decimals than the exchange prints",
    ]


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_none(content: str, tmp_path: Path) -> None:
    """A file without a header is no export."""
    (tmp_path / "export.csv").write_text(content)
    assert refusal(tmp_path / "export.csv").startswith("export.csv is empty.")


def test_zips_and_gzips(tmp_path: Path) -> None:
    """What is packed is read as if it lay there, and has the same hash."""
    plain = written(tmp_path / "export.csv", FIRST)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(plain, "folder/export.csv")
        packed.writestr("folder/readme.pdf", "nothing to import")
        packed.mkdir("empty")
    (tmp_path / "export.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    for path in (tmp_path / "all.zip", tmp_path / "export.csv.gz"):
        (source,) = sources(path)
        assert source.file_name == "export.csv"
        assert read(path)[1] == read(plain)[1]


def test_a_recorded_workbook(recorded: Path) -> None:
    """A workbook of text, as the exchange makes them, is read like its CSV."""
    path = recorded / "statements" / "deposits-withdrawals" / "deposit_history_crypto_2021.xlsx"
    reading, rows = read(path, kind="deposits")
    assert (reading.kind, reading.zone, reading.lines) == ("deposits", "UTC", 1)
    assert [_shown(row) for row in rows] == ["spot deposit BTC 0.00225116"]
    assert json.loads(str(rows[0]["raw"]))["TXID"] == "2222"


def workbook(path: Path, *cells: str, header: str = HISTORY) -> Path:
    """A workbook of a header and one row of these cells, each as XML."""
    shown = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in header.split(","))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packed = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{packed}"><Relationship Id="r" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="s" sheetId="1" r:id="r"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packed}"><Relationship Id="r" Type="{office}/worksheet" '
        'Target="worksheets/s.xml"/></Relationships>',
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}"><sheetData><row>{shown}</row><row>{"".join(cells)}</row>'
        "</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def test_a_workbook_of_numbers(tmp_path: Path) -> None:
    """Numbers count where no digit can have been lost; one that a workbook cannot hold whole is refused by its line."""
    words = [cell(word) for word in ("7", "2024-01-10 10:00:00", "Spot", "Deposit", "BTC")]
    _, rows = read(workbook(tmp_path / "short.xlsx", *words, "<c><v>0.00123</v></c>", cell("")))
    assert [row["amount"] for row in rows] == [Decimal("0.00123")]
    said = refusal(workbook(tmp_path / "long.xlsx", *words, "<c><v>1234567.1234567891</v></c>", cell("")))
    assert "long.xlsx, line 2: 1234567.1234567892 is a number that the workbook may have rounded." in said


@pytest.mark.parametrize(
    "computed", ["<c><f>1+1</f></c>", '<c s="1"><f>1+1</f><v>2</v></c>', '<c t="e"><v>#REF!</v></c>']
)
def test_a_workbook_of_formulas(computed: str, tmp_path: Path) -> None:
    """No export has formulas or errors, whose values may be missing: a workbook with one is refused."""
    words = [cell(word) for word in ("7", "2024-01-10 10:00:00", "Spot", "Deposit", "BTC")]
    said = refusal(workbook(tmp_path / "export.xlsx", *words, computed, cell("")))
    assert said == "export.xlsx is a workbook with cells that a spreadsheet computed. Download the export as CSV."


@pytest.mark.parametrize(("content", "said"), [(b"PK nonsense", "damaged workbook"), (b"", "damaged workbook")])
def test_a_damaged_workbook(content: bytes, said: str, tmp_path: Path) -> None:
    """Half a workbook is one sentence that names it."""
    (tmp_path / "export.xlsx").write_bytes(content)
    assert f"export.xlsx is a {said}" in refusal(tmp_path / "export.xlsx")


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    """It is named, with the way out."""
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("export.csv", HISTORY)
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + flags] |= 1
    path.write_bytes(content)
    assert "is packed with a password. Unpack it" in refusal(path)


@pytest.mark.parametrize("inner", ["more.zip", "export.csv.gz", "export.xlsx", "export", "export.csv.1"])
def test_what_is_packed_twice(inner: str, tmp_path: Path) -> None:
    """What a zip holds beside its CSVs is left out of an import in silence only where it can be no export."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.write(written(tmp_path / "export.csv", FIRST), "export.csv")
        packed.writestr(inner, "x")
    assert f"all.zip packs {inner}, which is not opened inside a zip. Unpack it" in refusal(tmp_path / "all.zip")


def test_a_zip_of_one_endless_line(tmp_path: Path) -> None:
    """A line of many megabytes, which packs into a few kilobytes, is refused by its number and never held whole."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("export.csv", f"{HISTORY}\n{FIRST}\n{'0' * 20_000_000}")
    tracemalloc.start()
    try:
        said = refusal(tmp_path / "all.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "all.zip/export.csv, line 3: it is longer than any export has." in said
    assert peak < 10_000_000


def test_a_workbook_that_unpacks_to_too_much(tmp_path: Path) -> None:
    """A workbook is held whole while it is read, so that one of hundreds of megabytes is refused before."""
    path = tmp_path / "export.xlsx"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    content = bytearray(path.read_bytes())
    size_at = content.index(b"PK\x01\x02") + 24
    content[size_at : size_at + 4] = (201 * 2**20).to_bytes(4, "little")
    path.write_bytes(content)
    said = refusal(path)
    assert "export.xlsx is a workbook of 201 MB, more than can be read at once. Download the export as CSV." in said


def test_a_zip_of_the_mac(tmp_path: Path) -> None:
    """What the Finder packs beside each file is no export."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.write(written(tmp_path / "export.csv", FIRST), "export.csv")
        packed.writestr("__MACOSX/._export.csv", b"\x00\x05\x16\x07\xb0")
    assert len(read(tmp_path / "all.zip")[1]) == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_one_name_in_a_zip(tmp_path: Path) -> None:
    """Each of them is read, and not the last one twice."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for coin in ("BTC", "ETH"):
            packed.write(written(tmp_path / "export.csv", FIRST.replace("BTC", coin)), "export.csv")
    assert [row["asset"] for row in read(tmp_path / "all.zip")[1]] == ["BTC", "ETH"]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_of_a_zip_is_a_surprise(packing: int, tmp_path: Path) -> None:
    """Whatever byte of a zip is wrong, however it was packed: it is read, or refused in one sentence that names it."""
    plain, path = written(tmp_path / "export.csv", FIRST), tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", packing) as packed:
        packed.write(plain, "é.csv")
    whole = path.read_bytes()
    said = [said_of_damage(path, whole, place) for place in range(len(whole))]
    refused = [each for each in said if each is not None]
    assert all(each.startswith("all.zip") for each in refused)
    assert len(refused) > len(whole) / 4


def said_of_damage(path: Path, whole: bytes, place: int) -> str | None:
    """What is said of a file with one wrong byte, None where it is read."""
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xC1]) + whole[place + 1 :])
    try:
        read(path)
    except UsageProblem as problem:
        return str(problem)
    return None


@pytest.mark.parametrize("name", ["all.zip", "export.csv.gz", "export.csv"])
def test_what_is_not_whole_or_no_text(name: str, tmp_path: Path) -> None:
    """Half a zip and a file that is no text are refused in one sentence."""
    plain = written(tmp_path / "whole.csv", *[FIRST] * 1000)
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(plain, "export.csv")
    content = {
        "all.zip": (tmp_path / "whole.zip").read_bytes()[:-40],
        "export.csv.gz": gzip.compress(plain.read_bytes())[:-40],
        "export.csv": b"\xff\xfe" + HISTORY.encode("utf-16-le"),
    }
    (tmp_path / name).write_bytes(content[name])
    assert name in refusal(tmp_path / name)
