"""The bar follows the work on a terminal and is silent elsewhere."""

import io

from rich.console import Console

from pipelines.cli.progress import Bar, drawn, watching
from pipelines.progress import Silent


def screen(display):
    console = Console(file=io.StringIO(), width=200, force_terminal=False, markup=False)
    console.print(display.get_renderable())
    return console.file.getvalue()


def test_the_bar_says_rows_requests_weight_and_why_it_waits():
    """What was planned, what came, the weight used this minute and the reason for a pause are all in one line."""
    display = drawn(Console(file=io.StringIO(), width=200))
    bar = Bar(display, "prices")
    bar.expect(requests=3, rows=3000)
    bar.expect(requests=1, rows=10)
    bar.advance(rows=1500, requests=2)
    bar.pool(5400, 6000)
    bar.waiting("this minute's budget is spent")
    line = screen(display)
    for part in ("prices", "2/4 requests", "1,500 rows", "weight 5,400/6,000", "this minute's budget is spent"):
        assert part in line
    bar.waiting(None)
    assert "budget is spent" not in screen(display)


def test_without_a_terminal_there_is_no_bar(capsys):
    """A log file or a pipe gets no bar, whatever the work tells."""
    with watching("prices") as progress:
        assert isinstance(progress, Silent)
        progress.expect(requests=1, rows=1)
        progress.advance(rows=1)
        progress.waiting("x")
        progress.pool(1, 2)
    assert capsys.readouterr() == ("", "")
