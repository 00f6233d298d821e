"""What a run reports: one receipt for each dataset pulled, with what failed and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from connectors.binance.errors import DeniedHere
from pipelines.context.progress import Progress
from pipelines.context.surprises import told
from schemas.model.counted import counted
from schemas.model.redaction import without_keys

Outcome = Literal["done", "failed", "interrupted", "skipped"]

# When several apply, the first of these is the exit code of the whole command.
PRECEDENCE = (130, 70, 4, 75, 3, 1, 2)
_OF_OUTCOME = {"done": 0, "skipped": 0, "interrupted": 130, "failed": 1}
_SHOWN_FAILURES = 5
_log = logging.getLogger("binlake")  # silent but under --debug


@dataclass(frozen=True, slots=True)
class Failure:
    """One series that failed; the others went on. Holds no key, even where one was taken for a symbol."""

    series: str
    why: str
    exit_code: int = 1
    alone: bool = False  # what refused it refuses nothing else of the run

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", without_keys(self.series))
        object.__setattr__(self, "why", without_keys(self.why))

    @classmethod
    def of(cls, series: str, error: Exception, *, alone: bool = False) -> Failure:
        _log.debug("%s failed:", series, exc_info=error)
        exit_code, why = told(error)
        return cls(series, why, exit_code, alone or isinstance(error, DeniedHere))


@dataclass(slots=True)
class Tally:
    """What the pull of one dataset brought, and what failed beside it; all parts of a pull add to the same one."""

    progress: Progress
    rows: int = 0
    failures: list[Failure] = field(default_factory=list)
    on_other_host: bool = False  # the part that is pulled now lives on another host than the rest of the run

    def add(self, rows: int) -> None:
        """So many more rows are stored."""
        self.rows += rows
        self.progress.advance(rows=rows)

    def fail(self, series: str, error: Exception) -> None:
        """One series failed; the others go on."""
        self.failures.append(Failure.of(series, error, alone=self.on_other_host))


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What pulling one dataset of one flow did. Counts are of rows committed and requests sent, retries included."""

    flow: str
    dataset: str
    market: str | None
    account: str | None
    outcome: Outcome
    rows: int = 0
    requests: int = 0
    weight: int = 0
    seconds: float = 0.0
    failures: tuple[Failure, ...] = ()
    note: str = ""

    @classmethod
    def of_flow(cls, flow: str, *failures: Failure) -> Receipt:
        """The receipt of a flow that failed beside its datasets, or before it came to them."""
        return cls(flow=flow, dataset="", market=None, account=None, outcome="failed", failures=failures)

    @property
    def where(self) -> str:
        """The account or the market."""
        return self.account or self.market or ""

    @property
    def exit_code(self) -> int:
        return worst([_OF_OUTCOME[self.outcome], *(failure.exit_code for failure in self.failures)])

    @property
    def quiet(self) -> bool:
        """Whether there was nothing to do, and nothing is to be said."""
        return self.outcome == "done" and not (self.rows or self.requests or self.failures or self.note)

    def why(self) -> str:
        """What failed first, and how much more did."""
        more = f" (And {len(self.failures) - _SHOWN_FAILURES:,} more.)" if len(self.failures) > _SHOWN_FAILURES else ""
        return " ".join(f"{failure.series}: {failure.why}" for failure in self.failures[:_SHOWN_FAILURES]) + more

    def line(self) -> str:
        """The receipt in one line, with numbers."""
        what = " ".join(word for word in (f"{self.flow}:", self.dataset, self.account, self.market) if word)
        if self.outcome == "skipped":
            return f"{what} skipped, {self.note}"
        asked = [counted(self.requests, "request"), f"weight {self.weight:,}"] if self.requests else []
        stored = [counted(self.rows, "row")] if self.rows or asked else []
        counts = ", ".join([*stored, *asked, f"{self.seconds:.1f} s"])
        failed = f", {len(self.failures)} failed" if self.failures else ""
        note = f" ({self.note})" if self.note else ""
        return f"{what} {self.outcome}, {counts}{failed}{note}"

    def after(self, first: Receipt) -> Receipt:
        """This receipt, with what an earlier try of the same unit did counted in."""
        return replace(
            self,
            rows=first.rows + self.rows,
            requests=first.requests + self.requests,
            weight=first.weight + self.weight,
            seconds=round(first.seconds + self.seconds, 3),
            note=first.note or self.note,
        )


def worst(codes: Iterable[int]) -> int:
    """The exit code of a command in which all of these happened."""
    found = set(codes)
    return next((code for code in PRECEDENCE if code in found), 0)
