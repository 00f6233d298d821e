"""Futures beyond what the API returns: the exchange's own files of them, asked for within their monthly quota.

What was asked is written down before it is asked, and the id of a file as soon as it is told: a run that was killed
goes on with the files that are being made, and asks for none of them twice.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from connectors.binance.endpoints.futures_downloads import DOWNLOADS, Download
from connectors.binance.errors import BinanceError, Transient, Unreachable, Unreadable
from connectors.binance.keys import Secret
from connectors.binance.linked_files import Link, fetch, given_id, link_in
from connectors.lake import Lake
from connectors.lake.files.local_disk import make_folder, whole_file
from connectors.lake.sql.session import connect, run
from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt, Tally
from pipelines.context.session import Session
from pipelines.runs.registry import Window
from pipelines.runs.run import Pause, open_run
from pipelines.settings.loader import flow_named
from pipelines.statements.asked_files import AskedFile, State, asked_files, expired_twice, note, spent, unasked
from pipelines.statements.importing import import_statement
from pipelines.statements.rows import Question
from pipelines.statements.sources import packed_or_not
from schemas.config.flows import AccountFlow, Flow, FlowsFile
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.derived.sql import literal
from schemas.model.errors import Problem, TryLater, UsageProblem
from schemas.model.grid import SECOND_US
from schemas.model.instants import micros, moment
from schemas.statements.quotas import KINDS, QUOTAS

_AGAIN = "It is not asked for again; --reload asks for it once more, which spends the quota again."
_OPEN = frozenset({State.ASKED, State.GIVEN, State.UNREADABLE})
_WAITS_S = (2, 5, 10, 15, 30, 30, 60, 60, 60, 60, 60)  # between looks for one file
# What the API remembers of futures is pulled; files are for what is older.
_REMEMBERED = """
SELECT coalesce(
    (SELECT max(until) FROM gaps WHERE reason = 'not_retained' AND {same}),
    (SELECT max(since) FROM bounds WHERE {same})
) AS since
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The stretches of a history to ask for. Instants are microseconds, the second no longer asked for."""

    download: Download
    spans: tuple[tuple[int, int], ...]
    given_up: tuple[tuple[int, int], ...]  # are not asked for without being told to


def downloads_of(flow: Flow) -> tuple[Download, ...]:
    """What the exchange makes files of, of all that a flow pulls."""
    if not isinstance(flow, AccountFlow):
        return ()
    return tuple(one for one in DOWNLOADS if one.dataset in flow.datasets and flow.reads(one.dataset, one.market))


def wanted_files(lake: Lake, name: str, flow: Flow, window: Window, now: int) -> list[Wanted]:
    """What is asked for to know a flow's futures from an instant on, up to where the API remembers them.

    Where the flow has not run yet that is the first of last month, which it remembers in any case.

    Raises UsageProblem for a flow of which the exchange makes no files.
    """
    downloads = downloads_of(flow)
    if not isinstance(flow, AccountFlow) or not downloads:
        raise UsageProblem(
            f"Flow '{name}' pulls nothing of which the exchange makes files.",
            "Name one of an account with income, orders or fills of usdm or coinm.",
        )
    files = asked_files(lake, flow.account)
    until = micros(window.until) if window.until else None
    return [
        _wanted(
            one, files, micros(window.since), until or _remembered(lake, flow.account, one) or _last_month(now), window
        )
        for one in downloads
    ]


def _wanted(download: Download, files: Sequence[AskedFile], since: int, until: int, window: Window) -> Wanted:
    of_it = [file for file in files if (file.market, file.export) == (download.market, download.export)]
    given_up = [] if window.again else expired_twice(of_it, since, until)
    return Wanted(
        download=download,
        spans=tuple(unasked(of_it, since, until, given_up)),
        given_up=tuple(part for start, end in given_up for part in unasked(of_it, start, end)),
    )


def _remembered(lake: Lake, account: str, download: Download) -> int | None:
    names = {"account": account, "dataset": download.dataset, "market": download.market}
    same = " AND ".join(f"{name} = {literal(value)}" for name, value in names.items())
    with connect(lake) as session:
        (row,) = run(session, _REMEMBERED.format(same=same)).to_pylist()
    return micros(row["since"]) if row["since"] else None


async def run_exports(
    config: FlowsFile,
    name: str,
    window: Window,
    *,
    progress: Progress,
    stop: asyncio.Event,
    state: Path | None = None,
    pause: Pause = asyncio.sleep,
) -> list[Receipt]:
    """Ask for the files of a flow's futures that nobody has asked for yet, and import all that are there.

    With `window.again`, also where an earlier question was never answered. Spends the exchange's quota.
    """
    flow = flow_named(config, name)
    async with open_run(config, name, progress=progress, stop=stop, state=state, pause=pause) as opened:
        session = opened.session
        wanted = await asyncio.to_thread(wanted_files, session.lake, name, flow, window, session.client.now_us())
        assert isinstance(flow, AccountFlow)  # noqa: S101 - others have no files
        for market, group in groupby(wanted, key=lambda one: one.download.market):
            before, began_s = len(session.journal.requests), time.monotonic()
            tally = Tally(progress)
            work = _Files(session, tally, flow.account, window, pause)
            for one in group:
                await work.bring(one)
            requests, ended = session.journal.requests[before:], session.client.now_us()
            receipt = Receipt(
                flow=name, dataset=STATEMENT_ROWS.name, market=market, account=flow.account,
                outcome="failed" if tally.failures else "interrupted" if stop.is_set() else "done",
                rows=tally.rows, requests=len(requests), weight=sum(each.weight for each in requests),
                seconds=round(time.monotonic() - began_s, 3), failures=tuple(tally.failures),
            )  # fmt: skip
            opened.receipts.append((receipt, ended - round(receipt.seconds * SECOND_US), ended))
    return [receipt for receipt, _, _ in opened.receipts]


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one account in one market."""

    session: Session
    tally: Tally
    account: str
    window: Window
    pause: Pause

    async def bring(self, wanted: Wanted) -> None:
        """Import what is being made already, then ask for the rest; what goes wrong stops no other kind of file."""
        download, spans = wanted.download, list(wanted.spans)
        self._tell_given_up(wanted)
        try:
            for file in await self._open(download):
                spans += await self._gone_on_with(download, file)
            for since, until in sorted(spans):
                if self.session.stop.is_set():
                    return
                file = await self._asked(download, since, until)
                if not await self._read_or_told(download, file):
                    self._failed(download, TryLater(_expired(since, until), "Run again."))
        except Problem as problem:
            self._failed(download, problem)

    def _tell_given_up(self, wanted: Wanted) -> None:
        for since, until in wanted.given_up:
            what = f"{_expired(since, until)} So did that of the one before."
            self._failed(wanted.download, UsageProblem(what, _AGAIN))

    async def _open(self, download: Download) -> list[AskedFile]:
        files = await self._known()
        of_it = [file for file in files if (file.market, file.export) == (download.market, download.export)]
        for over in [file for file in of_it if file.state not in _OPEN]:  # a run was killed before it removed it
            await asyncio.to_thread(self._place(over).unlink, missing_ok=True)
        return [file for file in of_it if file.state in _OPEN]

    async def _gone_on_with(self, download: Download, file: AskedFile) -> Sequence[tuple[int, int]]:
        """Bring a file that was asked for by an earlier run; what is to be asked for once more instead."""
        if file.state == State.ASKED:
            return await self._never_answered(download, file)
        if file.state == State.UNREADABLE and self.window.again:
            return await self._abandoned(file)
        # Of one whose link has expired nothing was brought, unless the file itself is here.
        if await self._read_or_told(download, file):
            return ()
        again = _wanted(download, await self._known(), file.since, file.until, self.window)
        self._tell_given_up(again)
        return again.spans

    async def _known(self) -> list[AskedFile]:
        return await asyncio.to_thread(asked_files, self.session.lake, self.account)

    async def _read_or_told(self, download: Download, file: AskedFile) -> bool:
        """Import a file; one that cannot be read stops no other. False where its link leads nowhere any more."""
        try:
            return await self._imported(download, file)
        except UsageProblem as problem:
            if file.state != State.UNREADABLE:
                await self._note(file, state=State.UNREADABLE)
            self._failed(download, _unreadable(problem, self._place(file)))
            return True
        except BinanceError as problem:
            if problem.fatal:
                raise
            self._failed(download, problem)
            return True

    def _failed(self, download: Download, problem: Problem) -> None:
        self.tally.fail(f"{download.market}/{download.export}", problem)

    async def _abandoned(self, file: AskedFile) -> Sequence[tuple[int, int]]:
        await self._note(file, state=State.ABANDONED)
        return unasked((), file.since, file.until)

    async def _note(self, asked: AskedFile, **known: str) -> AskedFile:
        return await asyncio.to_thread(note, self.session.lake, asked, self.session.client.now_us(), known)

    async def _never_answered(self, download: Download, file: AskedFile) -> Sequence[tuple[int, int]]:
        """Of a question whose answer never came nobody knows whether it was taken."""
        if self.window.again:
            return await self._abandoned(file)
        unanswered = UsageProblem(
            f"A file from {_day(file.since)} to {_day(file.until)} was asked for on {_day(file.asked_at)}, and no "
            "answer came: it may have been made, and cannot be found.",
            "--reload asks for it once more, which may spend the quota twice.",
        )
        self._failed(download, unanswered)
        return ()

    async def _asked(self, download: Download, since: int, until: int) -> AskedFile:
        """Ask for a file; the exchange includes both ends, in milliseconds."""
        now = self.session.client.now_us()
        quota = QUOTAS[download.market, download.export]
        if (used := spent(await self._known(), quota, now)) >= quota.most:
            raise TryLater(f"The quota of {quota.name} is spent: {used} of {quota.most}.", "Run again next month.")
        file = await self._note(
            AskedFile(
                account=self.account, market=download.market, export=download.export, since=since, until=until,
                asked_at=now,
            )
        )  # fmt: skip
        try:
            body = await self.session.client.body(download.ask, startTime=since // 1000, endTime=until // 1000 - 1)
        except (Transient, Unreachable, Unreadable):
            raise  # whether it was taken is not known
        except BinanceError:
            await self._note(file, state=State.REFUSED)
            raise
        return await self._note(file, state=State.GIVEN, download_id=given_id(body))

    async def _imported(self, download: Download, file: AskedFile) -> bool:
        """Wait for a file and import it; False where its link leads nowhere any more.

        What was downloaded is kept until it is imported: it may not be had a second time, and spent the quota.
        """
        place = self._place(file)
        if file.state == State.UNREADABLE or not await asyncio.to_thread(place.exists):
            link = await self._link(download, str(file.download_id))
            if link is None:
                return True  # it is not asked for again
            if not link.expired(self.session.client.now_us() // 1000):
                await self._downloaded(download, link, place)
            elif file.state != State.UNREADABLE:
                await self._note(file, state=State.EXPIRED)
                return False
        digest, rows = await asyncio.to_thread(self._read, place, file)
        await self._note(file, state=State.IMPORTED, file=digest)
        await asyncio.to_thread(place.unlink)
        self.tally.add(rows)
        return True

    def _place(self, file: AskedFile) -> Path:
        """Where a file is kept until it is imported."""
        return self.session.lake.path / ".downloads" / f"{file.market}-{file.export}-{file.asked_at}"

    async def _downloaded(self, download: Download, link: Link, place: Path) -> None:
        """Have the file behind a link, whole or not at all."""
        await asyncio.to_thread(make_folder, place.parent, below=self.session.lake.path)
        with whole_file(place) as draft, await asyncio.to_thread(draft.open, "wb") as into:
            await fetch(self.session.client.site, download.market, Secret(str(link.url)), into)

    async def _link(self, download: Download, download_id: str) -> Link | None:
        """What the exchange says of a file once it is made; None where the run is to stop before."""
        for wait_s in (*_WAITS_S, 0):
            link = link_in(await self.session.client.body(download.link, downloadId=download_id), download_id)
            now_ms = self.session.client.now_us() // 1000
            if link.ready(now_ms) or link.expired(now_ms):
                return link
            if self.session.stop.is_set():
                return None
            await self.pause(wait_s)
        raise TryLater(f"The file {download_id} is still being made.", "Run again later: it is not asked for twice.")

    def _read(self, place: Path, file: AskedFile) -> tuple[str, int]:
        """The hash and the number of lines of what was downloaded."""
        question = Question(since=file.since, until=file.until, market=file.market)
        kind, now = KINDS[file.export], self.session.client.now_us()
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder, f"{file.market}-{file.export}-{_day(file.since)}-{_day(file.until)}")
            named.symlink_to(place)
            done = [
                import_statement(self.session.lake, source, self.account, now, zone="UTC", kind=kind, question=question)
                for source in packed_or_not(named)
            ]
        return ",".join(each.file for each in done), sum(each.lines for each in done)


def _unreadable(problem: UsageProblem, place: Path) -> UsageProblem:
    """What to say of a file that is there and cannot be imported."""
    kept = f"It is kept in {place}, and every run tries to read it. " if place.exists() else ""
    return UsageProblem(f"{problem}", f"{kept}{_AGAIN}")


def _expired(since: int, until: int) -> str:
    return f"The link to the file from {_day(since)} to {_day(until)} expired before it was fetched."


def _last_month(instant: int) -> int:
    """The first of the month before."""
    first = moment(instant).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return micros((first - timedelta(days=1)).replace(day=1))


def _day(instant: int) -> str:
    return f"{moment(instant):%Y-%m-%d}"
