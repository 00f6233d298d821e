"""Tables as a terminal shows them, at three widths, with and without characters beyond ASCII."""

import re
from decimal import Decimal

import pytest
from support.lakes import at, filled, put
from support.terminals import ASCII, LOCALES, UTF8, drawn, each_width_and_locale, on_terminal

from connectors.lake import Lake
from pipelines.cli import main
from pipelines.cli.tables import write_table
from schemas.datasets.market import KLINES, PRICES

WIDTHS = (80, 100, 120, 200)
SYMBOLS = ("BTCUSDT", "1000SATSUSDT", "币安人生USDT")
MONEY = {"open": "48750.12345678", "high": "148750.1", "low": "1.00000000", "close": "0.00001234", "volume": "48750.12"}
each_locale = pytest.mark.parametrize("env", LOCALES.values(), ids=LOCALES)


@pytest.fixture
def config(tmp_path):
    """A flows.yaml beside a lake of candles and prices, one symbol in Chinese characters."""
    path = tmp_path / "flows.yaml"
    path.write_text("exchange: simulator\nflows:\n  p: {kind: market, market: spot, datasets: [prices]}\n")
    lake = Lake.open(tmp_path / "lake", "simulator")
    rows = [filled(KLINES) | MONEY | {"market": "spot", "symbol": name, "interval": "1m"} for name in SYMBOLS]
    series = {f"spot/{name}/1m": "2026-01-02" for name in SYMBOLS}
    put(lake, KLINES, *rows, since=dict.fromkeys(series, "2026-01-01"), until=series)
    put(lake, PRICES, {"market": "spot", "symbol": "BTCUSDT", "price": "1.50000000", "observed_at": "2026-01-01"})
    return path


@each_width_and_locale(WIDTHS)
def test_status_fits_the_terminal(config, width, env):
    """Each dataset and each series is one line with its rows and lag whole, and what is left out is named."""
    for words, lines in (([], 2), (["--series"], 4)):
        shown = on_terminal("status", *words, "--config", str(config), width=width, env=env)
        assert shown.code == 0
        header, *rows = shown.lines[: lines + 1]
        assert {"dataset", "series", "rows", "lag", "open_gaps"} <= set(header.split())
        assert all(re.fullmatch(r"klines .* 3? +\d+ .*\d+d( \d+[hms])? +0|prices .* 1 .*0", row) for row in rows), str(
            shown
        )
        left_out = next((line for line in shown.lines if line.startswith("Left out for want of width: ")), "")
        assert ("until" in header) != ("until" in left_out)
        assert width < 120 or "until" in header


@each_width_and_locale(WIDTHS)
def test_no_number_breaks_over_two_lines(config, width, env):
    """However narrow the terminal is, numbers and instants are whole, and every column is shown or named."""
    shown = on_terminal("query", "from klines, range(9)", "--config", str(config), width=width, env=env)
    rows = shown.lines[1:28]
    assert len([row for row in rows if row.startswith("spot ")]) == 27
    assert all("2026-01-01T00:00:00Z" in row for row in rows)
    assert all(
        number in {"0.00001234", *MONEY.values(), "1", "148750.1"}
        for row in rows
        for number in row.split()
        if "." in number
    )
    told = " ".join(shown.lines)
    assert [name for name in (*KLINES.schema.names, "month", "range") if name not in told] == []
    if width == 80:
        assert "--format vertical shows them." in told


@each_locale
def test_a_row_that_is_too_wide_is_shown_as_lines(config, env):
    """Where the columns have no room but the screen has, each row is a list of names and values."""
    sql = "from klines where symbol = 'BTCUSDT'"
    shown = on_terminal("query", sql, "--config", str(config), width=80, env=env)
    names = [line.split()[0] for line in shown.lines]
    assert names[: len(KLINES.columns)] == KLINES.schema.names
    assert "Left out" not in str(shown)


def test_vertical_is_there_for_the_asking(config):
    """--format vertical shows every column of every row, however many there are."""
    argv = ("query", "from klines order by symbol", "--format", "vertical", "--config", str(config))
    shown = on_terminal(*argv, width=80)
    assert [line.split()[-1] for line in shown.lines if line.startswith("symbol ")] == sorted(SYMBOLS)
    assert sum(line.startswith("trade_count ") for line in shown.lines) == 3


def test_zeros_that_say_nothing_are_not_shown(config, capsys):
    """Tables drop the zeros at the end of a decimal and powers of ten; data formats keep the digits there are."""
    sql = "select low, close, 1000::decimal(9, 2) as even, 1.5e-5::double as small, 3e300 as big, [low] as lows from klines limit 1"
    shown = on_terminal("query", sql, "--config", str(config), width=80)
    assert shown.lines[1].split() == ["1", "0.00001234", "1000", "0.000015", "3e+300", '["1"]']

    main(["query", sql, "--format", "csv", "--config", str(config)])
    assert capsys.readouterr().out.splitlines()[1] == '1.00000000,0.00001234,1000.00,1.5e-05,3e+300,"[""1.00000000""]"'


def test_long_text_gives_way_to_numbers():
    """Prose goes on in the next line, between words; the numbers beside it stay where they are."""
    rows = [
        ("a promise of many words that no narrow terminal shows in one line", Decimal("12345.678900"), at("2026-01-01"))
    ]
    shown = drawn(lambda: write_table(("promise", "number", "instant"), rows), width=60)
    assert shown.lines[1].split("  ")[-2:] == ["12345.6789", "2026-01-01 00:00:00"]
    assert len(shown.lines) > 2
    assert " ".join(line[:27].strip() for line in shown.lines[1:]) == rows[0][0]


def test_what_a_terminal_cannot_spell_is_escaped(config):
    """On a terminal that has only ASCII a name in Chinese characters is shown by its codes; columns stay in line."""
    argv = ("query", "select symbol, volume from klines order by symbol", "--config", str(config))
    shown = on_terminal(*argv, width=80, env=ASCII)
    assert shown.raw.isascii()
    assert shown.lines[3].split() == [r"\u5e01\u5b89\u4eba\u751fUSDT", "48750.12"]
    assert len({len(line) for line in shown.lines[:4]}) == 1
    assert "币安人生USDT" in str(on_terminal(*argv, width=80, env=UTF8)).replace(" ", "")


def test_a_pipe_gets_every_column(config, capsys):
    """Whoever reads a pipe wraps for himself."""
    main(["query", "select repeat('x', 5000) as long, * from klines, range(30)", "--config", str(config)])
    said = capsys.readouterr()
    assert "Left out" not in said.err
    assert said.out.splitlines()[0].split() == ["long", *KLINES.schema.names, "month", "range"]
