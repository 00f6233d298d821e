"""What is drawn in a terminal: coverage by month, candles, bars; at three widths, with and without block characters."""

import re
import sys
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from support.lakes import filled, put, small_lake
from support.terminals import ASCII, UTF8, drawn, each_width_and_locale, on_terminal

from connectors.lake.sql.session import connect
from pipelines.cli import main
from pipelines.cli.coverage_map import write_map
from pipelines.cli.output import settle_encodings
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES, PRICES, SYMBOLS

NOW = datetime(2026, 3, 20, 15, tzinfo=UTC)
WIDTHS = (80, 120, 200)
GAP = {
    "dataset": "klines",
    "market": "spot",
    "symbol": "BTCUSDT",
    "interval": "1d",
    "reason": "exchange_outage",
    "filled_at": None,
}


@pytest.fixture
def config(tmp_path):
    """A flows.yaml beside a lake of hours: BTCUSDT rises for ten days and falls for ten, 币安人生USDT has no candle."""
    path = tmp_path / "flows.yaml"
    path.write_text("exchange: simulator\nflows:\n  p: {kind: market, market: spot, datasets: [prices]}\n")
    lake = small_lake(tmp_path)
    rows = []
    for hour in range(480):
        price, next_ = (10_000 + 100 * min(each, 480 - each) for each in (hour, hour + 1))
        rows.append(
            filled(KLINES, f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00")
            | {"market": "spot", "symbol": "BTCUSDT", "interval": "1h", "open": str(price), "close": str(next_)}
            | {"high": str(max(price, next_) + 10), "low": str(min(price, next_) - 10), "volume": str(hour % 24 + 1)}
        )
    series = ("spot/BTCUSDT/1h", "spot/币安人生USDT/1h")
    put(lake, KLINES, *rows, since=dict.fromkeys(series, "2026-03-01"), until=dict.fromkeys(series, "2026-03-21"))
    return path


def pictured(tmp_path, *, width: int, env=UTF8) -> list[str]:
    """The map of a lake on a terminal."""
    with connect(small_lake(tmp_path)) as session:

        def draw() -> None:
            settle_encodings()
            write_map(session, NOW, sys.stdout)

        return drawn(draw, width=width, env=env).lines


@each_width_and_locale(WIDTHS)
def test_coverage_is_drawn_by_month(tmp_path, width, env):
    """Each series has a line of blocks: covered, in part, with gaps, not at all; the legend tells them apart."""
    lake = small_lake(tmp_path)
    since = {"spot/BTCUSDT/1d": "2025-11-01", "spot/ETHUSDT/1d": "2026-01-15"}
    put(lake, KLINES, since=since, until=dict.fromkeys(since, "2026-03-20"))
    put(lake, GAPS, filled(GAPS) | GAP | {"since": "2025-12-05", "until": "2025-12-06"})
    header, btc, eth, legend, meaning = pictured(tmp_path, width=width, env=env)
    whole, part, gaps, none = (block * 3 for block in ("#+o." if env is ASCII else "█▄▒·"))
    assert header.split() == ["2025", "2026"]
    assert btc.split() == ["klines", "spot/BTCUSDT/1d", whole + gaps + whole * 3]
    assert eth.split() == ["klines", "spot/ETHUSDT/1d", none * 2 + part + whole * 2]
    assert legend.split("  ") == [
        f"{whole[0]} covered",
        f"{part[0]} covered in part",
        f"{gaps[0]} with gaps",
        f"{none[0]} not covered",
    ]
    assert meaning == "A block is a month, from 2025-11 to 2026-03."


@pytest.mark.parametrize(
    ("since", "name"), [("2022-01-01", "month"), ("2017-08-01", "quarter"), ("1980-01-01", "year")]
)
def test_a_long_history_has_longer_blocks(tmp_path, since, name):
    """Where months have no room a block is a quarter, or a year; no line is wider than the terminal."""
    put(small_lake(tmp_path), KLINES, since={"spot/BTCUSDT/1d": since}, until={"spot/BTCUSDT/1d": "2026-03-20"})
    lines = pictured(tmp_path, width=80)
    assert f"A block is a {name}, " in lines[-1]
    assert max(map(cell_len, lines)) <= 80


def test_many_series_that_look_alike_share_a_line(tmp_path):
    """Thousands of symbols are a few lines: one for each picture, with the number of series."""
    names = [f"spot/S{number}USDT/1d" for number in range(60)]
    since = dict.fromkeys(names, "2026-02-01") | {"spot/LATEUSDT/1d": "2026-03-01"}
    put(small_lake(tmp_path), KLINES, since=since, until=dict.fromkeys(since, "2026-03-20"))
    lines = pictured(tmp_path, width=80)
    assert [line.split("  ")[0] for line in lines[1:3]] == [
        "klines spot/LATEUSDT/1d",
        "klines spot/S0USDT/1d and 59 more",
    ]


def test_the_map_is_a_picture_of_status(config):
    """`status --map` draws it; without anything covered it says so."""
    shown = on_terminal("status", "--map", "--config", str(config), width=80)
    assert "klines spot/BTCUSDT/1h" in str(shown)
    assert "\x1b[36m▄" in shown.raw.decode()


@each_width_and_locale(WIDTHS)
def test_candles_are_drawn(config, width, env):
    """Days made of hours rise and fall in two shades, with dates and prices at the sides, inside of the terminal."""
    shown = on_terminal("show", "btcusdt", "--config", str(config), width=width, env=env)
    assert shown.code == 0
    rises, falls = ("#", "o") if env is ASCII else ("█", "▒")
    chart = [line for line in shown.lines if re.match(r"[ \d,.]{11}[┤+│|┌└]", line)]
    title = " ".join(shown.lines[: shown.lines.index(chart[0])])
    assert title.startswith("BTCUSDT 1d, 20 candles, 2026-03-01 00:00 to 2026-03-20 00:00 UTC: 10000 to 10000 (+0.0%).")
    bodies = re.sub(f"[^{rises}{falls}]", "", chart[-4])
    assert bodies == rises * 10 + falls * 10
    assert any("34,010" in line for line in chart)
    assert "2026-03-01" in shown.lines[-1]
    assert max(map(cell_len, shown.lines)) <= width
    assert env is UTF8 or shown.raw.isascii()


@pytest.mark.parametrize("width", WIDTHS)
def test_as_many_candles_as_there_is_room(config, width):
    """The last candles that fit are shown, one in each column."""
    shown = on_terminal("show", "BTCUSDT", "--interval", "1h", "--config", str(config), width=width)
    assert f"BTCUSDT 1h, {width - 13} candles" in shown.lines[0]
    assert max(map(cell_len, shown.lines)) == width


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["BTCUSDC"], "Did you mean BTCUSDT?"),
        (["BTCUSDT", "--interval", "7h"], "There is no interval '7h'. There are 1s, "),
        (["BTCUSDT", "--interval", "1m"], "no candles of BTCUSDT as short as 1m. It holds 1h."),
        (["BTCUSDT", "--market", "moon"], "There is no market 'moon'. There are spot, "),
        (["BTCUSDT", "--market", "usdm"], "`binlake status --series` lists what it holds."),
        (["币安人生USDT"], "no candle of 币安人生USDT yet"),
    ],
)
def test_what_cannot_be_shown_is_named(config, capsys, words, said):
    """A symbol, interval or market that is not there is one sentence with the way out."""
    assert main(["show", *words, "--config", str(config)]) == 2
    assert said in capsys.readouterr().err


@each_width_and_locale(WIDTHS)
def test_a_portfolio_has_bars_and_a_total(tmp_path, config, width, env):
    """Each asset with a value has its share and a bar as long; the total follows, and assets without a price are named."""
    lake = small_lake(tmp_path)
    held = {"account": "main", "wallet": "spot", "observed_at": "2026-03-01", "locked": "0"}
    amounts = {"BTC": "0.75", "USDT": "25", "GONE": "7"}
    put(
        lake,
        BALANCES,
        *(held | {"asset": name, "free": amount} for name, amount in amounts.items()),
        observed_at={"main/spot": "2026-03-01"},
    )
    put(
        lake,
        PRICES,
        {"market": "spot", "symbol": "BTCUSDT", "price": "100.00", "observed_at": "2026-03-01"},
        observed_at={"spot": "2026-03-01"},
    )
    pair = {
        "market": "spot",
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "status": "TRADING",
        "gone_since": None,
    }
    put(lake, SYMBOLS, filled(SYMBOLS) | pair)
    shown = on_terminal("portfolio", "--config", str(config), width=width, env=env)
    said = "Without a price in USDT, and not in the total: 7 GONE. The view `portfolio` says why."
    block = "#" if env is ASCII else "█"
    assert [line.split() for line in shown.lines] == [
        ["main", "total", "price", "USDT", "value", "share"],
        ["BTC", "0.75", "100", "75", "75.0%", block * 15],
        ["USDT", "25", "1", "25", "25.0%", block * 5],
        ["total", "100"],
        *([said.split()] if width > 80 else [said.split()[:-1], said.split()[-1:]]),
    ]
