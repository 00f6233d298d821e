"""The figures of the README, measured here: `make bench`, or `python tests/bench/run.py FIGURE...`.

Everything runs on this machine against the bundled simulator; a whole pass takes about ten minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import archive
import held
import idle
import limits
import memory
import quotes
import restart
import speed
import start
import ticks
import wide
from stand import ROOT, Figure, machine, measured, table

TAX_PYTHON = Path(sys.prefix) / "tax" / "bin" / "python"  # with BittyTax, where `make soak` has set it up
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->"


def commits(folder: Path, *, count: int = 2000) -> list[Figure]:
    """Commits of a flow that runs every five minutes, in an old lake and in a new one."""
    done = measured("commits.py", folder, count)
    ratio = done["old_s"] / done["young_s"]
    return [
        Figure(
            name=f"Commit latency after {count:,} commits, with upkeep, beside that after 20",
            ours=f"{done['old_s'] * 1000:.0f} ms",
            peer=f"{done['young_s'] * 1000:.0f} ms",
            ratio=f"{ratio:.2f} times",
            goal="at most 1.5 times",
            met=ratio <= 1.5,
        )
    ]


def sweep(folder: Path, *, symbols: int = 3000, traded: int = 40, opened: int = 25) -> list[Figure]:
    """Finding the symbols of an account, cut short once, and the run after that."""
    done = measured("sweep.py", folder, symbols, traded, opened)
    return [
        Figure(
            name=f"Finding {traded} traded symbols among {symbols:,}, cut short once",
            ours=f"weight {done['spent']:,}, {done['repeated']} probes made twice",
            peer=f"planned weight {done['planned']:,}, {done['minutes']:.0f} minutes of the budget",
            ratio=f"{done['spent'] / done['planned']:.2f} times",
            goal="at most the 20 probes in flight made twice",
            met=done["repeated"] <= 20,
        ),
        Figure(
            name=f"A run with nothing new over {traded} traded symbols and {opened} open orders",
            ours=f"weight {done['idle']:,}, {done['idle_cpu_s']:.1f} s of CPU",
            goal="under 1,200",
            met=done["idle"] < 1200,
        ),
    ]


def orders(folder: Path, *, versions: int = 1_000_000, months: int = 24) -> list[Figure]:
    """A lake of many order versions, beside one with as many and a quarter of its age."""
    young, old = folder / "young", folder / "old"
    young.mkdir(), old.mkdir()
    short = measured("versions.py", young, versions, months // 4)
    done = measured("versions.py", old, versions, months)
    return [
        Figure(
            name=f"{what}, among {versions:,} order versions of {months} months, beside as many of {months // 4}",
            ours=f"{done[key]:.2f} s",
            peer=f"{short[key]:.2f} s",
            ratio=f"{done[key] / short[key]:.2f} times",
            goal="under 1 s, at most 1.5 times",
            met=done[key] < 1 and done[key] <= 1.5 * short[key],
        )
        for what, key in (("Appending 1,000 changed states", "append_s"), ("Reading `orders` after it", "read_s"))
    ]


def worth(folder: Path, *, fills: int = 200_000) -> list[Figure]:
    """What the fills of five years gained, lot by lot, and what the account was worth at the end of each day."""
    done = measured("worth.py", folder, fills)
    return [
        Figure(
            name=what,
            ours=f"{done[f'{key}_s']:.2f} s, {done[f'{key}_cpu_s']:.2f} s of CPU",
            goal=f"under {goal} s",
            met=done[f"{key}_s"] < goal,
        )
        for what, key, goal in (
            (f"Gains of {fills:,} fills, first in first out ({done['lots']:,} lots)", "gains", 3),
            (f"Worth of an account at the end of {done['days']:,} days", "worth", 2),
        )
    ]


def adds_up(folder: Path, *, movements: int = 1_000_000) -> list[Figure]:
    """Every balance of a year, seen each quarter of an hour, beside the same over native tables of DuckDB."""
    done = measured("adds_up.py", folder, movements)
    asked = (
        (f"Residuals of all assets over {done['intervals']:,} intervals and {movements:,} movements", "all", 2),
        (f"One asset's movements of a month among {movements:,}", "month", 0.1),
    )
    return [
        Figure(
            name=what,
            ours=f"{done[f'{key}_s']:.2f} s, {done[f'{key}_cpu_s']:.2f} s of CPU",
            peer=f"{done[f'native_{key}_s']:.2f} s, {done[f'native_{key}_cpu_s']:.2f} s of CPU in native tables",
            ratio=f"{done[f'{key}_s'] / done[f'native_{key}_s']:.2f} times",
            goal=f"under {goal:g} s",
            met=done[f"{key}_s"] < goal and not done["left_over"],
        )
        for what, key, goal in asked
    ]


def statements(folder: Path, *, rows: int = 1_000_000) -> list[Figure]:
    """A transaction history into the lake, each of its movements held against what the API told, beside BittyTax."""
    done = measured("statements.py", folder, rows)
    figure = Figure(
        name=f"Import of {rows:,} rows of a transaction history, matched",
        ours=f"{done['wall_s']:.1f} s, {done['cpu_s']:.1f} s of CPU, {done['peak_mb']:.0f} MB",
        goal="under 20 s and 500 MB",
        met=done["code"] == 0 and done["wall_s"] < 20 and done["peak_mb"] < 500,
    )
    if not TAX_PYTHON.exists():
        return [figure]
    other = measured("tax_import.py", folder / "history.csv", folder, python=TAX_PYTHON)
    return [
        figure,
        Figure(
            name=f"The same {rows:,} rows, beside BittyTax's own converter",
            ours=f"{done['cpu_s']:.1f} s of CPU, {done['peak_mb']:.0f} MB",
            peer=f"{other['cpu_s']:.1f} s of CPU, {other['peak_mb']:.0f} MB",
            ratio=f"{other['cpu_s'] / done['cpu_s']:.1f} times",
        ),
    ]


def bars(folder: Path, *, rows: int = 1_000_000, days: int = 1000) -> list[Figure]:
    """Bars of a second out of one day of trades, among many days."""
    done = measured("bars.py", folder, rows, days)
    return [
        Figure(
            name=f"{rows:,} trades of a day to bars of one second, in a lake of {done['rows']:,}",
            ours=f"{done['wall_s'] * 1000:.0f} ms, {done['cpu_s'] * 1000:.0f} ms of CPU",
            peer=f"the first question of a session: {done['first_s'] * 1000:.0f} ms",
            goal="under 150 ms",
            met=done["wall_s"] < 0.15,
        )
    ]


def account(folder: Path, *, symbols: int = 3000, traded: int = 40, years: int = 5) -> list[Figure]:
    """All of an account, from nothing, and the run that finds nothing new."""
    done = measured("account.py", folder, symbols, traded, years)
    ratios = [done[f"spent{what}"] / done[f"planned{what}"] for what in ("", "_minutes")]
    return [
        Figure(
            name=f"All of an account of {years} years, {traded} of {symbols:,} symbols traded",
            ours=f"weight {done['spent']:,}, {done['spent_minutes']:.0f} minutes of the budget",
            peer=f"planned weight {done['planned']:,}, {done['planned_minutes']:.0f} minutes",
            ratio=f"{ratios[0]:.2f} and {ratios[1]:.2f} times",
            goal="at most 1.05 times",
            met=max(ratios) <= 1.05,
        ),
        Figure(
            name="A run with nothing new over all of that account",
            ours=f"weight {done['idle_by_address']:,} by address, {done['idle_by_account']:.1%} of a pool by account",
            goal="under 1,500, and 10 %",
            met=done["idle_by_address"] < 1500 and done["idle_by_account"] < 0.1,
        ),
    ]


FIGURES: dict[str, Callable[[Path], list[Figure]]] = {
    "start": start.commands,
    "wide": wide.asked,
    "fetch": speed.fetch,
    "idle": idle.nothing_new,
    "minute": idle.minute_later,
    "commits": commits,
    "memory": memory.backfill,
    "archive": archive.imported,
    "ticks": ticks.imported,
    "bars": bars,
    "held": held.held,
    "restart": restart.killed,
    "latency": limits.one_series,
    "limits": limits.many_series,
    "sweep": sweep,
    "orders": orders,
    "adds_up": adds_up,
    "worth": worth,
    "account": account,
    "quotes": quotes.answered,
    "statements": statements,
    "processes": lambda folder: limits.many_series(folder, processes=4),
    "ticks3gb": ticks.large,
    "archive100": lambda folder: archive.imported(folder, symbols=190, months=12),
    "held100": lambda folder: held.held(folder, symbols=190),
    "billion": held.billion,
}
ASKED = frozenset(
    {"account", "ticks3gb", "archive100", "held100", "billion"}
)  # minutes or gigabytes each, so only by name


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and say by the exit code whether every goal was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"any of {', '.join(FIGURES)}; all without")
    parser.add_argument("--write", action="store_true", help="put the table into the README too")
    options = parser.parse_args(argv)
    if unknown := set(options.figures) - FIGURES.keys():
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    figures = [
        figure
        for name in options.figures or [name for name in FIGURES if name not in ASKED]
        for figure in _measure(name)
    ]
    text = f"{table(figures)}\n{machine()}\n"
    print(text)
    if options.write:
        _write(ROOT / "README.md", text)
    return 0 if all(figure.met for figure in figures) else 1


def _measure(name: str) -> list[Figure]:
    print(f"measuring {name} ...", file=sys.stderr)
    with TemporaryDirectory(prefix="binlake-bench-") as folder:
        return FIGURES[name](Path(folder))


def _write(readme: Path, text: str) -> None:
    """Replace what stands between the marks."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{readme} lacks the marks {BEGIN.strip()} and {END}")
    readme.write_text(f"{before}{BEGIN}{text}{END}{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
