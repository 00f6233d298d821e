"""What the lake covers, loaded again on demand: series by series."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

Load = Callable[[Series, int, int], Awaitable[None]]  # of a covered stretch [since, until), in microseconds


async def reload_covered(
    session: Session, tally: Tally, dataset: Dataset, series: Iterable[Series], since: int, until: int, load: Load
) -> None:
    """Load the covered part of [since, until) of each series again; one that fails stops no other.

    Unless the next would fail as well: a fatal Problem is raised.
    """
    bounds = await asyncio.to_thread(session.lake.table(dataset).bounds)
    for one in series:
        covered = one.bound("since", bounds), one.bound("until", bounds)
        if covered[0] is None or covered[1] is None or session.stop.is_set():
            continue
        try:
            await load(one, max(since, covered[0]), min(until, covered[1]))
        except Exception as error:  # one series' surprise stops no other
            if isinstance(error, Problem) and error.fatal:
                raise
            tally.fail(one.name, error)
