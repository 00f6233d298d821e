"""Charts in a terminal, and where there is none."""

import io
import sys
from datetime import UTC, datetime, timedelta

from rich.cells import cell_len

from pipelines.cli.charts import write_line

BEGAN = datetime(2026, 11, 1, 22, tzinfo=UTC)
TIMES = [BEGAN + timedelta(hours=hour) for hour in range(100)]


def test_a_line_names_its_ends(capsys):
    """Lowest, middle and highest value and the days (UTC) stand at a line that fits into 80 columns, uncoloured."""
    write_line(TIMES, [70_000.5 + hour % 7 for hour in range(100)])
    drawn = capsys.readouterr().out
    assert "\x1b" not in drawn
    assert [line.split("┤")[0].strip() for line in drawn.splitlines() if "┤" in line] == [
        "70,006.5",
        "70,003.5",
        "70,000.5",
    ]
    assert drawn.splitlines()[-2].split() == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05"]
    assert max(map(cell_len, drawn.splitlines())) <= 80


def test_a_value_that_never_changes_is_drawn(capsys):
    """One level is enough, and so is one point."""
    write_line(TIMES, [0.00001] * 100)
    assert "1e-05┤" in capsys.readouterr().out
    write_line(TIMES[:1], [3.0])
    assert "3┤" in capsys.readouterr().out


def test_a_stream_of_ascii_gets_no_chart(monkeypatch):
    """A chart is never a riddle of escapes."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    write_line(TIMES, [1.0] * 100)
    stream.flush()
    assert stream.buffer.getvalue() == b""
