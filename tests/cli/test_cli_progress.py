"""A bar follows the work on a terminal; elsewhere a long run says a line now and then."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from support.terminals import LOCALES, UTF8
from support.terminals import drawn as on_terminal

from pipelines.cli.output import settle_encodings
from pipelines.cli.progress import EVERY_S, Bar, Lines, drawn, watching


def screen(display):
    console = Console(file=io.StringIO(), width=200, force_terminal=False, markup=False)
    console.print(display.get_renderable())
    return console.file.getvalue()


def test_the_bar_says_rows_requests_weight_and_why_it_waits():
    """What was planned, what came, the weight used this minute and the reason for a pause are all shown."""
    display = drawn(Console(file=io.StringIO(), width=200))
    bar = Bar(display, "prices")
    bar.expect(requests=3, rows=3000)
    bar.expect(requests=1, rows=10)
    bar.advance(rows=1500, requests=2)
    bar.pool(5400, 6000)
    bar.waiting("this minute's budget is spent")
    line = screen(display)
    for part in ("prices", "2/4 requests", "1,500/3,010 rows", "weight 5,400/6,000", "this minute's budget is spent"):
        assert part in line
    bar.waiting(None)
    assert "budget is spent" not in screen(display)


def test_files_and_bytes_stand_beside_requests():
    """Of an archive's files the bar says how many came, and how many megabytes of those planned."""
    display = drawn(Console(file=io.StringIO(), width=200))
    bar = Bar(display, "prices")
    bar.expect(requests=2, rows=130_000, files=3, size=4_500_000)
    bar.advance(files=1, size=1_500_000)
    bar.advance(rows=44_640)
    assert "1/3 files, 1.5/4.5 MB, 0/2 requests, 44,640/130,000 rows" in screen(display)
    assert (display.tasks[0].completed, display.tasks[0].total) == (1, 5)


def test_a_log_gets_a_line_now_and_then(capsys):
    """Without a terminal a long run says what is done of what is planned, and why it waits, but not too often."""
    now = [0.0]
    lines = Lines("prices", clock=lambda: now[0])
    lines.expect(rows=89_280, files=2, size=3_000_000)
    lines.advance(files=1, size=1_500_000)
    now[0] = EVERY_S
    lines.advance(rows=44_640)
    lines.waiting("the exchange asked for a pause")
    now[0] = 2 * EVERY_S
    lines.waiting("the exchange asked for a pause")
    told = "prices: 1/2 files, 1.5/3.0 MB, 44,640/89,280 rows"
    assert capsys.readouterr().err.splitlines() == [told, f"{told}; the exchange asked for a pause"]


def test_what_exceeds_its_plan_is_counted_without_it(capsys):
    """Nobody knows how many fills orders have, so no line says that more is done than there is."""
    now = [0.0]
    lines = Lines("orders", clock=lambda: now[0])
    lines.expect(requests=2)
    now[0] = EVERY_S
    lines.advance(requests=1, rows=13_074)
    now[0] = 2 * EVERY_S
    lines.advance(requests=2)
    assert capsys.readouterr().err.splitlines() == [
        "orders: 1/2 requests, 13,074 rows",
        "orders: 3 requests, 13,074 rows",
    ]


def test_without_a_terminal_there_is_no_bar(capsys):
    """A log file or a pipe gets no bar, and of a short run nothing, whatever the work tells."""
    with watching("prices") as progress:
        progress.expect(requests=1, rows=1)
        progress.advance(rows=1)
        progress.waiting("x")
        progress.pool(1, 2)
    assert capsys.readouterr() == ("", "")


def test_before_anything_is_known_no_bar_is_full():
    """Until something is planned the bar pulses; one of nothing would look done."""
    display = drawn(Console(file=io.StringIO(), width=200))
    bar = Bar(display, "prices")
    assert (display.tasks[0].total, display.tasks[0].finished) == (None, False)
    bar.waiting("asking for the list of symbols")
    bar.expect(rows=10)
    assert not display.tasks[0].finished


def test_an_ascii_terminal_gets_ascii():
    """Where a terminal cannot show more, spinner and bar are drawn in ASCII."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=file, width=200, force_terminal=True, markup=False)
    display = drawn(console)
    Bar(display, "prices").expect(requests=3)
    console.print(display.get_renderable())
    file.flush()
    assert "0/3 requests" in file.buffer.getvalue().decode("ascii")


def frames(raw: bytes) -> list[str]:
    """All lines that were ever on the terminal, without colours and movements."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw.decode()))


@pytest.mark.parametrize("env", LOCALES.values(), ids=LOCALES)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_progress_fits_the_terminal(width, env):
    """However narrow it is, flow, share, counts, weight and the reason for waiting are whole, and gone in the end."""

    def work() -> None:
        settle_encodings()
        with watching("prices") as progress:
            progress.expect(requests=2640, rows=2_640_000, files=12, size=4_500_000)
            progress.advance(requests=1320, rows=1_320_000, files=6, size=1_000_000)
            progress.pool(120, 5400)
            progress.waiting("the weight of this minute is spent; it goes on in 34 s")

    shown = on_terminal(work, width=width, env=env)
    lines = frames(shown.raw)
    assert max(map(cell_len, lines)) <= width
    told = " ".join(" ".join(lines).split())
    for part in (
        "prices",
        " 50%",
        "6/12 files",
        "1,320/2,640 requests",
        "1,320,000/2,640,000 rows",
        "weight 120/5,400",
    ):
        assert part in told
    assert "the weight of this minute is spent; it goes on in 34 s" in told
    assert env is UTF8 or shown.raw.isascii()
    assert str(shown) == ""


def test_a_bar_is_not_full_before_anything_is_known():
    """Until something is planned the bar moves back and forth, without a share; then it says how much is done."""
    display = drawn(Console(file=io.StringIO(), width=80))
    bar = Bar(display, "prices")
    assert (display.tasks[0].total, "%" in screen(display)) == (None, False)
    bar.expect(requests=4)
    assert "0%" in screen(display)
    bar.advance(requests=1)
    assert "25%" in screen(display)


def test_the_time_to_go_is_told():
    """From the pace so far the bar says about how long the rest takes."""
    now = [0.0]
    display = drawn(Console(file=io.StringIO(), width=80))
    display.get_time = lambda: now[0]
    bar = Bar(display, "prices")
    bar.expect(requests=100)
    for _ in range(4):
        now[0] += 10.0
        bar.advance(requests=10)
    assert "about 1m left" in screen(display)
