"""Rates that a person gives as a CSV file: read by line, kept with what changed, and used where there is no pair."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.settings.rates import RatesFile, keep_rates
from schemas.model.errors import UsageProblem
from schemas.model.instants import iso_text

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

HEADER = "date,base,quote,rate"
SOUND = f"{HEADER}\n2026-11-02,USDT,CNY,7.1\n2026-11-03,USDT,CNY,7.2\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "rates.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        SOUND.replace(",", ";"),
        SOUND.replace("\n", "\r\n") + "\r\n",
        "\ufeff" + SOUND,
        "rate,Quote,base,time\n7.1,CNY,USDT,2026-11-02T00:00:00Z\n7.2,CNY,USDT,2026-11-03T02:00:00+02:00\n",
    ],
    ids=["commas", "semicolons", "Windows", "BOM", "times of a zone in another order"],
)
def test_a_file_is_read_however_it_is_laid_out(tmp_path: Path, text: str) -> None:
    """Separators, the order of the columns and the form of the instants change nothing of what a file says."""
    read = RatesFile(written(tmp_path, text)).rates()
    assert {(base, quote, iso_text(at)): rate for (base, quote, at), rate in read.items()} == {
        ("USDT", "CNY", "2026-11-02T00:00:00Z"): Decimal("7.1"),
        ("USDT", "CNY", "2026-11-03T00:00:00Z"): Decimal("7.2"),
    }


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("2026-11-02,USDT,CNY,7,1", "it has 5 fields, not 4"),
        ('2026-11-02,USDT,CNY,"7,1"', "'7,1' is no rate above zero with a decimal point"),
        ("2026-11-02,USDT,CNY,0", "'0' is no rate above zero with a decimal point"),
        ("2026-11-02,USDT,CNY,-7.1", "'-7.1' is no rate above zero with a decimal point"),
        ("2026-11-02,USDT,CNY,7.1E-3", "'7.1E-3' is no rate above zero with a decimal point"),
        ("2026-11-02,USDT,CNY,0.12345678901234567", "has more than 16 decimals"),
        ("2026-11-02,USDT,CNY,1" + "0" * 23, "has more than 22 digits before the point"),
        ("02.11.2026,USDT,CNY,7.1", "'02.11.2026' is neither a date nor a time"),
        ("2026-11-02T00:00:00Z,USDT,CNY,7.1", "is a time, which its column is not for"),
        ("2026-11-02,usdt,CNY,7.1", "'usdt' is no asset such as EUR"),
        ("2026-11-02,CNY,CNY,7.1", "CNY is quoted in itself"),
        ("2026-11-01,USDT,CNY,7.1", "it gives the rate of line 2 again"),
        ('2026-11-02,USDT,CNY,"7.1', "it cannot be read as CSV: unexpected end of data"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    """What cannot be read is refused with file and line, and then nothing of the file is taken."""
    path = written(tmp_path, f"{HEADER}\n2026-11-01,USDT,CNY,7\n{line}\n")
    lake = Lake.open(tmp_path / "lake", "simulator")
    with pytest.raises(UsageProblem) as refused:
        keep_rates(lake, path, 1)
    assert f"{path}, line 3: " in refused.value.what
    assert what in refused.value.what
    with connect(lake) as session:
        assert run(session, "FROM rates").num_rows == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "line 1: its columns are not date or time, base, quote and rate"),
        ("date,time,base,quote,rate\n", "line 1: its columns are not date or time, base, quote and rate"),
        (
            "time,base,quote,rate\n2026-11-02T10:00:00,USDT,CNY,7\n",
            "line 2: '2026-11-02T10:00:00' does not say its zone",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """A file without these columns, or whose times are of no zone, is refused rather than guessed at."""
    with pytest.raises(UsageProblem, match=what.replace("(", r"\(")):
        RatesFile(written(tmp_path, text)).rates()


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    """The sentence names the file, and what is wrong with it as a whole."""
    with pytest.raises(UsageProblem, match="No such file"):
        RatesFile(tmp_path / "none.csv").rates()
    with pytest.raises(UsageProblem, match="not UTF-8"):
        RatesFile(written(tmp_path, f"{HEADER}\n2026-11-02,USDT,CNY,7é", "latin-1")).rates()


def test_what_changes_in_the_file_changes_in_the_lake(tmp_path: Path) -> None:
    """The same file again stores nothing; a rate that changed is a version, one that is gone is no rate any more."""
    lake = Lake.open(tmp_path / "lake", "simulator")
    assert keep_rates(lake, written(tmp_path, SOUND), 1) == 2
    assert keep_rates(lake, written(tmp_path, SOUND.replace(",", ";")), 2) == 0
    assert keep_rates(lake, written(tmp_path, f"{HEADER}\n2026-11-02,USDT,CNY,7.15\n"), 3) == 2
    with connect(lake) as session:
        assert run(session, "SELECT rate FROM rates").to_pylist() == [{"rate": Decimal("7.15")}]
    assert keep_rates(lake, written(tmp_path, SOUND), 4) == 2


async def test_a_rate_values_what_no_pair_does(trade_desk: TradeDesk) -> None:
    """Without a pair of the exchange the rate of the file leads to the quote asset, and the path of the value names it."""
    trade_desk.book.fill("BTCUSDT", trade_desk.book.place("BTCUSDT", "BUY", 1, 50_000))
    trade_desk.clock.advance(2 * 86_400)
    trade_desk.trading(["BTCUSDT"], values={"quote": "CNY"})
    trade_desk.more["rates"] = str(written(trade_desk.folder, SOUND))
    await trade_desk.run("trading")
    with connect(trade_desk.lake) as session:
        events = run(
            session, "SELECT asset, candles, path, value FROM tax_events('CNY') WHERE kind = 'trade' ORDER BY asset"
        ).to_pylist()
        held = run(session, "SELECT asset, path, value FROM portfolio('CNY') WHERE asset = 'USDT'").to_pylist()
        worth = run(session, "SELECT value > 0 AS is_valued FROM equity('CNY')").to_pylist()
    path = ["USDT/CNY in rates.csv"]
    assert [(row["asset"], row["path"]) for row in events] == [("BTC", path), ("USDT", path)]
    assert {row["value"] for row in events} == {Decimal(355_000)}
    assert [row["path"] for row in held] == [path]
    assert worth == [{"is_valued": True}]


async def test_a_bad_file_costs_no_data(trade_desk: TradeDesk) -> None:
    """Where the file cannot be read the run says so by its line and pulls all the same."""
    trade_desk.book.fill("BTCUSDT", trade_desk.book.place("BTCUSDT", "BUY", 1, 50_000))
    trade_desk.clock.advance(2 * 86_400)
    trade_desk.trading(["BTCUSDT"], values=True)
    trade_desk.more["rates"] = str(written(trade_desk.folder, SOUND + "x\n"))
    receipts = await trade_desk.run("trading")
    (failed,) = [failure for receipt in receipts for failure in receipt.failures]
    assert (failed.exit_code, "line 4" in failed.why) == (2, True)
    assert trade_desk.rows("fills")
    assert trade_desk.rows("klines")
