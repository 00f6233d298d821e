"""The archive over the network: listed, downloaded, held against its CHECKSUM, and whatever may go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from aiohttp import web
from support.archive_zips import DAY, csv_of, kline_file, minutes, zip_of

from connectors.binance.archive import client as archive_module
from connectors.binance.archive.client import CHECKSUM_CAP, Archive, Fetched
from connectors.binance.archive.downloader import DOWN_AFTER, DOWN_S, DOWNLOADS
from connectors.binance.archive.errors import ArchiveDown, ArchiveRefused, ArchiveTrouble, ArchiveUnreadable
from connectors.binance.archive.files import ArchiveFile, Remote, folder
from connectors.binance.retry import TRIES
from connectors.binance.sites import resolve
from connectors.simulator import Exchange, MovableClock, gateway, serve
from connectors.simulator.archive import faults as archive_faults
from connectors.simulator.archive.faults import ArchiveFault
from connectors.simulator.protocol import faults
from connectors.simulator.protocol.messages import Asked
from schemas.datasets.archive import Reason
from schemas.datasets.market import KLINES
from schemas.model.errors import Problem, UsageProblem
from schemas.model.grid import DAY_US

NOW_S = 1_793_620_830.25  # 2026-11-02 12:00:30 UTC, the first Monday of the month
FILE = kline_file("spot", "BTCUSDT", "1m", "2026-10-30")
BEFORE = kline_file("spot", "BTCUSDT", "1m", "2026-10-29")
FIRST_MS = FILE.since_us // 1000
MINUTE_MS = 60_000


class Shelf:
    """An exchange with an archive, and a client of it. Sleeping is what makes time pass."""

    def __init__(self, exchange: Exchange, clock: MovableClock, url: str) -> None:
        self.exchange, self.clock, self.url = exchange, clock, url
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def open(self, url: str | None = None) -> AsyncIterator[Archive]:
        url = url or self.url
        async with Archive(resolve({"archive": url, "archive_list": url}), self.clock, self.sleep) as archive:
            yield archive

    async def fetch(self, file: ArchiveFile = FILE) -> Fetched:
        async with self.open() as archive:
            return await archive.fetch(Remote(file))

    def asked(self, ending: str = ".zip") -> list[int]:
        """The statuses of the requests for paths that end so."""
        return [seen.status for seen in self.exchange.requests if seen.path.endswith(ending)]


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    clock = MovableClock(NOW_S)
    exchange = Exchange(clock=clock)
    async with serve(exchange) as url:
        yield Shelf(exchange, clock, url)


# Listing

PREFIX = f"<Prefix>{FILE.folder}</Prefix>"


async def test_every_symbol_is_found_delisted_ones_too(shelf: Shelf) -> None:
    """Also one that the exchange has forgotten altogether."""
    shelf.exchange.remove("BNBBTC")
    async with shelf.open() as archive:
        symbols = await archive.folders(folder(KLINES, "spot", monthly=True))
        assert {"BTCUSDT", "NANOUSDT", "BNBBTC", "币安人生USDT"} <= set(symbols)
        assert "1mo" in await archive.folders(folder(KLINES, "spot", "BNBBTC", monthly=True))
        assert "1mo" not in await archive.folders(folder(KLINES, "spot", "BNBBTC", monthly=False))


async def test_a_long_listing_is_walked_to_its_end(shelf: Shelf) -> None:
    """Nine years of days are seven pages; every day is there once, in order, and only zips."""
    async with shelf.open() as archive:
        listed = await archive.list(folder(KLINES, "spot", "BTCUSDT", "1m", monthly=False))
    files = [remote.file for remote in listed]
    assert (files[0].period, files[-1].period) == ("2017-08-17", "2026-11-01")
    assert {after.since_us - before.since_us for before, after in pairwise(files)} == {DAY_US}
    assert len(shelf.asked("/")) == 7


async def test_a_listing_may_begin_after_a_file(shelf: Shelf) -> None:
    """What is held already is not listed again; a series with nothing new is an empty list."""
    async with shelf.open() as archive:
        listed = await archive.list(FILE.folder, after=FILE.path)
        nothing = await archive.list(FILE.folder, after=listed[-1].path)
    assert [remote.file.period for remote in listed] == ["2026-10-31", "2026-11-01"]
    assert nothing == []


async def test_a_listing_tells_what_will_come(shelf: Shelf) -> None:
    """Size, ETag and time of a listed file are those of its download."""
    async with shelf.open() as archive:
        remote = next(each for each in await archive.list(FILE.folder, after=BEFORE.path) if each.path == FILE.path)
        fetched = await archive.fetch(remote)
    assert (remote.size, remote.etag, remote.modified_us) == (fetched.size, fetched.etag, fetched.modified_us)


@pytest.mark.parametrize(
    "body",
    [
        "<ListBucketResult>",
        "<html><body>Maintenance</body></html>",
        f"<a>{PREFIX}<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></a>",
        f"<a>{PREFIX}<IsTruncated>true</IsTruncated></a>" * 2,
        f"<a>{PREFIX}<IsTruncated>true</IsTruncated></a>",
        f"<a>{PREFIX}<IsTruncated>no</IsTruncated></a>",
        "<a><IsTruncated>false</IsTruncated></a>",
        "<a><Prefix>data/futures/</Prefix><IsTruncated>false</IsTruncated></a>",
        '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    ],
)
async def test_a_listing_that_makes_no_sense_is_refused(body: str, shelf: Shelf) -> None:
    """Cut, another page, a file without size, more to come from nowhere, another folder: an error that says so."""
    shelf.exchange.inject(faults.Body(path="/", text=body, count=None))
    async with shelf.open() as archive:
        with pytest.raises(ArchiveUnreadable, match="listing"):
            await archive.list(FILE.folder)


async def test_a_listing_in_a_circle_ends(shelf: Shelf) -> None:
    """A page that leads back to itself is an error, not an endless walk."""
    entry = "<CommonPrefixes><Prefix>data/a/</Prefix></CommonPrefixes>"
    body = f"<a><Prefix>data/</Prefix><IsTruncated>true</IsTruncated>{entry}</a>"
    shelf.exchange.inject(faults.Body(path="/", text=body, count=None))
    async with shelf.open() as archive:
        with pytest.raises(ArchiveUnreadable, match="circle"):
            await archive.folders("data/")


async def test_a_site_without_archive_says_so() -> None:
    """The testnet has none."""
    with pytest.raises(UsageProblem, match="no address for archive calls"):
        Archive(resolve("testnet"))


# Files


async def test_a_day_is_the_same_as_from_rest(shelf: Shelf) -> None:
    """The rows of a file are those of klines, and the digest is that of the bytes."""
    fetched = await shelf.fetch()
    assert (fetched.reason, fetched.dropped_duplicates, fetched.holes) == (None, 0, ())
    assert fetched.rows is not None
    assert fetched.rows.num_rows == 1440
    body = gateway.answer(shelf.exchange, Asked("GET", f"/{FILE.path}", {})).body
    assert fetched.sha256 == hashlib.sha256(body).hexdigest()
    assert fetched.size == len(body)


async def test_a_header_and_older_units_are_read(shelf: Shelf) -> None:
    """With a header, in milliseconds before 2025 and microseconds from then on, all days are whole."""
    shelf.exchange.archive.rules = archive_rules = type(shelf.exchange.archive.rules)(header_from=date(2024, 12, 31))
    assert archive_rules.micro_from == date(2025, 1, 1)
    for period in ("2024-12-30", "2024-12-31", "2025-01-01"):
        file = kline_file("spot", "BTCUSDT", "1m", period)
        fetched = await shelf.fetch(file)
        assert (fetched.reason, fetched.rows and fetched.rows.num_rows) == (None, 1440)


async def test_a_delisted_symbol_ends_in_the_middle_of_a_day(shelf: Shelf) -> None:
    """Its last file holds what was traded; the rest of the day is named as lacking."""
    fetched = await shelf.fetch(kline_file("spot", "NANOUSDT", "1h", "2022-01-19"))
    assert fetched.reason is Reason.INCOMPLETE
    assert fetched.rows is not None
    assert len(fetched.holes) == 1
    assert fetched.holes[0][1] == kline_file("spot", "NANOUSDT", "1h", "2022-01-19").until_us


async def test_a_symbol_of_four_code_points_is_fetched(shelf: Shelf) -> None:
    """Names beyond ASCII lie at percent-encoded addresses, and stand raw in zip and CHECKSUM."""
    fetched = await shelf.fetch(kline_file("spot", "币安人生USDT", "1h", "2026-10-30"))
    assert (fetched.reason, fetched.rows and fetched.rows["symbol"][0].as_py()) == (None, "币安人生USDT")


SPOILED: dict[Reason, Callable[[str], ArchiveFault | faults.Fault]] = {
    Reason.MISSING: lambda file: archive_faults.NoFile(file=file),
    Reason.REFUSED: lambda file: faults.Html(path=f"/{file}", status=403, count=None),
    Reason.NO_CHECKSUM: lambda file: archive_faults.NoChecksum(file=file),
    Reason.CHECKSUM_MISMATCH: lambda file: archive_faults.WrongChecksum(file=file),
    Reason.TRUNCATED_ZIP: lambda file: archive_faults.CutZip(file=file),
    Reason.BAD_ZIP: lambda file: archive_faults.NoZip(file=file),
    Reason.WRONG_MEMBER: lambda file: archive_faults.WrongMember(file=file, name="ETHUSDT-1m-2026-10-30.csv"),
    Reason.EXTRA_MEMBERS: lambda file: archive_faults.ExtraMember(file=file),
    Reason.ZIP_BOMB: lambda file: archive_faults.Bomb(file=file, megabytes=8),
    Reason.EMPTY: lambda file: archive_faults.NoRows(file=file),
    Reason.MANGLED_NUMBERS: lambda file: archive_faults.Mangled(file=file),
}
# What somebody saves under the name of a zip that is not there; of bookTicker since 2024-03-31 there are such files.
NOT_THERE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.'
    f"</Message><Key>{FILE.path}</Key><RequestId>{'0' * 16}</RequestId><HostId>"
).ljust(365 - len("</HostId></Error>"), "=") + "</HostId></Error>"
LEFT_OUT: dict[Reason, Callable[[str], ArchiveFault]] = {
    Reason.BAD_ROW: lambda file: archive_faults.OddLine(file=file, text="1,2,3", before=7),
    Reason.CONFLICTING_ROWS: lambda file: archive_faults.Changed(
        file=file, open_ms=FIRST_MS, values={4: "1.0"}, both=True
    ),
    Reason.OUTSIDE_PERIOD: lambda file: archive_faults.Stray(file=file),
}


def test_every_reason_has_a_fault() -> None:
    """No reason is without its test below."""
    assert set(SPOILED) | set(LEFT_OUT) == set(Reason) - {Reason.INCOMPLETE}


@pytest.mark.parametrize("reason", SPOILED, ids=str)
async def test_a_defective_file_is_set_aside_with_its_reason(reason: Reason, shelf: Shelf) -> None:
    """Nothing is raised, nothing is loaded; the file beside it is, and the next look finds it healed."""
    shelf.exchange.inject(SPOILED[reason](FILE.path))
    fetched = await shelf.fetch()
    assert (fetched.reason, fetched.rows) == (reason, None)
    assert fetched.detail
    assert (fetched.sha256 is None) == (reason in {Reason.MISSING, Reason.REFUSED})
    assert (await shelf.fetch(kline_file("spot", "BTCUSDT", "1m", "2026-10-31"))).reason is None
    shelf.exchange.heal()
    assert (await shelf.fetch()).reason is None


@pytest.mark.parametrize("reason", LEFT_OUT, ids=str)
async def test_a_few_bad_rows_are_left_out_and_named(reason: Reason, shelf: Shelf) -> None:
    """All other rows of the file are loaded, exactly as they are without the bad one."""
    good = await shelf.fetch()
    shelf.exchange.inject(LEFT_OUT[reason](FILE.path))
    fetched = await shelf.fetch()
    assert fetched.reason is reason
    assert fetched.detail is not None
    assert fetched.detail.startswith("left out 1 ")
    assert fetched.rows is not None
    assert good.rows is not None
    lacking = 1 if reason is Reason.CONFLICTING_ROWS else 0
    assert fetched.rows.equals(good.rows.slice(lacking))
    assert len(fetched.holes) == lacking


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (archive_faults.Flipped(file=FILE.path, at=1000), Reason.BAD_ZIP),
        (archive_faults.NoZip(file=FILE.path, text=NOT_THERE), Reason.BAD_ZIP),
        (archive_faults.Bomb(file=FILE.path, megabytes=8, promised=1000), Reason.BAD_ZIP),
        (archive_faults.CutZip(file=FILE.path, share=0.0), Reason.BAD_ZIP),
        (archive_faults.OddChecksum(file=FILE.path, text="<html>"), Reason.NO_CHECKSUM),
        (archive_faults.OddChecksum(file=FILE.path, text="0" * 64 + "  ETHUSDT-1m-2026-10-30.zip"), Reason.NO_CHECKSUM),
        (archive_faults.OddLine(file=FILE.path, text="open_time,open", before=0), Reason.BAD_ROW),
    ],
)
async def test_other_ways_to_the_same_reasons(fault: ArchiveFault, reason: Reason, shelf: Shelf) -> None:
    """A valid CHECKSUM over rubbish, and a CHECKSUM of another file."""
    shelf.exchange.inject(fault)
    fetched = await shelf.fetch()
    assert (fetched.reason, fetched.rows) == (reason, None)


@pytest.mark.parametrize(
    "fault",
    [
        archive_faults.Unsorted(file=FILE.path),
        archive_faults.Repeated(file=FILE.path, rows=500),
        archive_faults.OtherUnit(file=FILE.path, since_ms=FIRST_MS + 700 * MINUTE_MS),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_can_be_mended_is(fault: ArchiveFault, shelf: Shelf) -> None:
    """Rows in any order, exact repeats and mixed units give the very table of the good file."""
    good = await shelf.fetch()
    shelf.exchange.inject(fault)
    mended = await shelf.fetch()
    assert mended.sha256 != good.sha256
    assert mended.rows is not None
    assert mended.rows.equals(good.rows)
    assert mended.dropped_duplicates == getattr(fault, "rows", 0)


async def test_a_valid_checksum_on_a_file_with_rows_missing(shelf: Shelf) -> None:
    """What is there is loaded, what is not is named."""
    lacking = FIRST_MS + 60 * MINUTE_MS, FIRST_MS + 120 * MINUTE_MS
    shelf.exchange.inject(archive_faults.Lacking(file=FILE.path, since_ms=lacking[0], until_ms=lacking[1]))
    fetched = await shelf.fetch()
    assert fetched.reason is Reason.INCOMPLETE
    assert fetched.rows is not None
    assert fetched.rows.num_rows == 1380
    assert fetched.holes == ((lacking[0] * 1000, lacking[1] * 1000),)


async def test_a_republished_file_is_told_by_everything(shelf: Shelf) -> None:
    """One value changed: another digest, ETag and time, in the listing too; and that row differs."""
    async with shelf.open() as archive:
        before = await archive.fetch(Remote(FILE))
        shelf.clock.advance(3600)
        shelf.exchange.inject(archive_faults.Changed(file=FILE.path, open_ms=FIRST_MS, values={4: "1.00000000"}))
        listed = next(each for each in await archive.list(FILE.folder, after=BEFORE.path) if each.path == FILE.path)
        after = await archive.fetch(Remote(FILE))
    assert len({before.sha256, after.sha256}) == len({before.etag, after.etag}) == 2
    assert (listed.etag, listed.modified_us, listed.size) == (after.etag, after.modified_us, after.size)
    assert before.rows is not None
    assert after.rows is not None
    assert not after.rows.slice(0, 1).equals(before.rows.slice(0, 1))
    assert after.rows.slice(1).equals(before.rows.slice(1))


async def test_what_is_not_published_yet_is_missing(shelf: Shelf) -> None:
    """Today has no file, and tomorrow it has."""
    today = kline_file("spot", "BTCUSDT", "1m", "2026-11-02")
    assert (await shelf.fetch(today)).reason is Reason.MISSING
    shelf.clock.advance(86_400)
    assert (await shelf.fetch(today)).reason is None


async def test_foreign_objects_are_left_out_of_a_listing(shelf: Shelf, tmp_path: Path) -> None:
    """A month without its zero, a thirteenth month, a copy, another kind of file: remembered, and nothing fails."""
    stem = "BTCUSDT-1m-2026"
    names = [
        f"{stem}-8.zip",
        f"{stem}-13.zip",
        f"{stem}-08 (1).zip",
        f"{stem}-08-01.zip",
        "index.html",
        f"{stem}-08.tmp",
    ]
    month = kline_file("spot", "BTCUSDT", "1m", "2026-08")
    for name in names:
        (tmp_path / month.folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / month.folder / name).write_bytes(b"x")
    shelf.exchange.replay_archive(tmp_path)
    async with shelf.open() as archive:
        listed = await archive.list(month.folder, after=month.path.removesuffix(".zip"))
        assert [remote.file.period for remote in listed] == ["2026-08", "2026-09", "2026-10"]
        assert archive.foreign == {f"{month.folder}{name}" for name in names if name > f"{stem}-08"}


async def test_foreign_folders_are_no_symbols(shelf: Shelf, tmp_path: Path) -> None:
    """A folder whose name no symbol can have is left out of the symbols, and remembered."""
    for name in ("lost+found", "btcusdt", "NEWUSDT", ".tmp"):
        (tmp_path / "data/spot/monthly/klines" / name).mkdir(parents=True)
        (tmp_path / "data/spot/monthly/klines" / name / "x.zip").write_bytes(b"x")
    shelf.exchange.replay_archive(tmp_path)
    async with shelf.open() as archive:
        symbols = set(await archive.symbols(KLINES, "spot"))
        assert symbols >= {"NEWUSDT", "BTCUSDT", "币安人生USDT"}
        assert symbols.isdisjoint({"lost+found", "btcusdt", ".tmp"})
        assert len(archive.foreign) == 3


async def test_a_checksum_too_long_to_be_one_is_none(shelf: Shelf) -> None:
    """What lies under the name of a CHECKSUM is read up to a bound, and then not believed."""
    shelf.exchange.inject(archive_faults.OddChecksum(file=FILE.path, text="0" * (CHECKSUM_CAP + 1)))
    assert (await shelf.fetch()).reason is Reason.NO_CHECKSUM


async def test_a_listing_too_long_to_be_one_is_refused(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page beyond the bound, and pages without an end, are an error that says so."""
    monkeypatch.setattr(archive_module, "MOST_PAGES", 3)
    async with shelf.open() as archive:
        with pytest.raises(ArchiveUnreadable, match="more than 3 pages"):
            await archive.list(folder(KLINES, "spot", "BTCUSDT", "1m", monthly=False))
        monkeypatch.setattr(archive_module, "LISTING_CAP", 1000)
        with pytest.raises(ArchiveUnreadable, match="more than 1000 bytes"):
            await archive.list(FILE.folder)


# The way there


async def test_a_broken_download_goes_on_where_it_broke(shelf: Shelf) -> None:
    """Each try asks for the rest of the same version only."""
    for _ in range(2):
        shelf.exchange.inject(faults.Truncated(path=f"/{FILE.path}", share=0.5))
    assert (await shelf.fetch()).reason is None
    assert shelf.asked() == [200, 206]


async def test_a_download_breaks_often_and_still_ends(shelf: Shelf) -> None:
    """As long as each try brings something, it is tried again, however often."""
    shelf.exchange.inject(faults.Reset(path=f"/{FILE.path}", after=20_000, count=None))
    shelf.exchange.inject(faults.Truncated(path=f"/{FILE.path}", share=0.9, count=None))
    with pytest.raises(ArchiveDown):
        await shelf.fetch()
    shelf.exchange.heal()
    shelf.clock.advance(DOWN_S)
    for skip in range(12):
        shelf.exchange.inject(faults.Truncated(path=f"/{FILE.path}", share=0.1, skip=skip))
    assert (await shelf.fetch()).reason is None
    assert max(shelf.slept[-12:]) < 1


async def test_a_file_published_anew_while_it_comes(shelf: Shelf) -> None:
    """The rest of another version is not glued on: If-Range makes the archive send all of the new one."""
    shelf.exchange.inject(faults.Truncated(path=f"/{FILE.path}", share=0.5))

    async def sleep(_: float) -> None:
        shelf.exchange.inject(archive_faults.Changed(file=FILE.path, open_ms=FIRST_MS, values={4: "1.00000000"}))

    site = resolve({"archive": shelf.url, "archive_list": shelf.url})
    async with Archive(site, shelf.clock, sleep) as archive:
        fetched = await archive.fetch(Remote(FILE))
    assert fetched.reason is None
    assert fetched.rows is not None
    assert str(fetched.rows["close"][0]) == "1.00000000"


async def test_a_body_cut_in_silence_is_fetched_again(shelf: Shelf) -> None:
    """A short body whose length agrees shows itself by its digest, and one more look mends it."""
    shelf.exchange.inject(faults.ShortBody(path=f"/{FILE.path}"))
    assert (await shelf.fetch()).reason is None
    assert shelf.asked() == [200, 200]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_trouble_at_the_archive_passes(status: int, shelf: Shelf) -> None:
    """A moment later the file comes."""
    shelf.exchange.inject(faults.Html(path=f"/{FILE.path}", status=status, count=TRIES - 1))
    assert (await shelf.fetch()).reason is None
    assert len(shelf.slept) == TRIES - 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.Html(status=503, count=None), ArchiveDown),
        (faults.Html(status=429, count=None), ArchiveDown),
        (faults.Html(status=403, path="/", count=None), ArchiveRefused),
        (faults.Restricted(path="/", count=None), ArchiveRefused),
        (faults.Html(status=404, path="/", count=None), ArchiveTrouble),
        (faults.Html(status=200, path="/", count=None), ArchiveUnreadable),
        (faults.Reset(count=None), ArchiveDown),
        (faults.Redirect(to="http://127.0.0.1:9/", count=None), ArchiveDown),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, faults.Fault) else each.__name__,
)
async def test_what_is_not_about_a_file_is_raised(fault: faults.Fault, error: type[Exception], shelf: Shelf) -> None:
    """A network that fails and a log-in page are no defect of the file, and not the exchange's firewall either."""
    shelf.exchange.inject(fault)
    async with shelf.open() as archive:
        with pytest.raises(error, match=r"(?s)archive(?!.*firewall)"):
            await (archive.list(FILE.folder, BEFORE.path) if fault.path == "/" else archive.fetch(Remote(FILE)))


async def test_a_file_can_be_looked_up_by_its_name(shelf: Shelf) -> None:
    """It is what the listing would show; nothing where it is not there; one that is refused may be there."""
    async with shelf.open() as archive:
        [listed] = await archive.list(FILE.folder, BEFORE.path, f"{FILE.path}~")
        assert await archive.looked_up(FILE) == listed
        for status in (403, 405):
            shelf.exchange.inject(faults.Html(path=f"/{FILE.path}", status=status, count=None))
            assert await archive.looked_up(FILE) == Remote(FILE)
            shelf.exchange.heal()
        shelf.exchange.inject(archive_faults.NoFile(file=FILE.path))
        assert await archive.looked_up(FILE) is None


async def test_a_download_that_cannot_be_kept_is_no_fault_of_the_archive(shelf: Shelf) -> None:
    """The folder for temporary files is full: that is said, nothing is asked again, and no file is called defective."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with shelf.open() as archive:
        with TemporaryFile() as body:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
            try:
                with pytest.raises(Problem, match=r"cannot be kept in .*: File too large"):
                    await archive.verified(Remote(FILE), body, 2**30)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [seen.path for seen in shelf.exchange.requests] == [f"/{FILE.path}.CHECKSUM", f"/{FILE.path}"]


async def test_an_archive_that_is_down_is_left_alone_for_a_while(shelf: Shelf) -> None:
    """After some troubles in a row nothing is asked for a minute, so that a long run goes on without the archive."""
    shelf.exchange.inject(faults.Html(status=503, count=None))
    async with shelf.open() as archive:
        for _ in range(DOWN_AFTER + 5):
            with pytest.raises(ArchiveDown):
                await archive.fetch(Remote(FILE))
        assert len(shelf.exchange.requests) == DOWN_AFTER * TRIES
        shelf.exchange.heal()
        shelf.clock.advance(DOWN_S)
        assert (await archive.fetch(Remote(FILE))).reason is None


async def test_a_throttle_is_waited_out(shelf: Shelf) -> None:
    """The next try comes no sooner than the archive said."""
    page = faults.Error(code=0, status=429, headers={"Retry-After": "7"}, path=f"/{FILE.path}")
    shelf.exchange.inject(page)
    assert (await shelf.fetch()).reason is None
    assert shelf.slept == [pytest.approx(7, abs=0.1)]


async def test_a_dead_address_is_named(shelf: Shelf, unused_tcp_port_factory: Callable[[], int]) -> None:
    """Nobody listens there: unreachable, with the host."""
    async with shelf.open(f"http://127.0.0.1:{unused_tcp_port_factory()}") as archive:
        with pytest.raises(ArchiveDown, match=r"127\.0\.0\.1"):
            await archive.list(FILE.folder)


async def test_no_key_goes_to_the_archive(shelf: Shelf) -> None:
    """Nothing of an account is ever sent there."""
    await shelf.fetch()
    assert {seen.api_key for seen in shelf.exchange.requests} == {None}
    assert {seen.weight for seen in shelf.exchange.requests} == {0}


@pytest.mark.parametrize("modified", ["Wed, 01 Jan 2098 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", ""])
async def test_no_file_is_newer_than_its_answer(shelf: Shelf, modified: str) -> None:
    """A Last-Modified that cannot be makes no candle final: those that had not closed at the answer are left out."""
    packed = zip_of(csv_of(minutes("2024-05-07"))).read()
    told = f"{hashlib.sha256(packed).hexdigest()}  {DAY.stem}.zip\n".encode()
    headers = {"Last-Modified": modified, "Date": "Tue, 07 May 2024 12:00:30 GMT"}

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=told if request.path.endswith(".CHECKSUM") else packed, headers=headers)

    server = await asyncio.get_running_loop().create_server(web.Server(answer), "127.0.0.1", 0)
    async with server, shelf.open(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as archive:
        fetched = await archive.fetch(Remote(DAY))
    assert fetched.rows is not None
    assert fetched.rows.num_rows == 720


async def test_downloads_at_once_are_bounded(shelf: Shelf) -> None:
    """However many are asked for, only so many are on their way."""
    running: list[int] = []
    seen: list[int] = []

    async def nothing(_: web.BaseRequest) -> web.Response:
        running.append(1)
        seen.append(len(running))
        await asyncio.sleep(0)
        running.pop()
        return web.Response(status=404)

    server = await asyncio.get_running_loop().create_server(web.Server(nothing), "127.0.0.1", 0)
    async with server, shelf.open(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as archive:
        days = [ArchiveFile.daily(FILE.series, FILE.since_us - number * DAY_US) for number in range(40)]
        fetched = await asyncio.gather(*(archive.fetch(Remote(day)) for day in days))
    assert {each.reason for each in fetched} == {Reason.MISSING}
    assert max(seen) <= DOWNLOADS


async def test_a_file_too_large_to_be_true_is_not_downloaded_whole(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are counted while they come."""
    monkeypatch.setattr(archive_module, "PACKED_CAP", 10_000)
    fetched = await shelf.fetch()
    assert fetched.reason is Reason.ZIP_BOMB
    assert fetched.size < 1 << 20


async def test_a_large_file_waits_on_disk(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beyond some size a download lies in the temporary folder, and is gone afterwards."""
    monkeypatch.setattr(archive_module, "IN_MEMORY", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert (await shelf.fetch()).reason is None
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib would not be awaited either


async def test_a_made_up_zip_is_served_by_anybody(tmp_path: Path, shelf: Shelf) -> None:
    """The zips of a folder are served as they are, with the CHECKSUM that lies beside them."""
    content = zip_of(csv_of(minutes("2024-05-07"))).read()
    put(tmp_path / DAY.path, content)
    shelf.exchange.replay_archive(tmp_path)
    fetched = await shelf.fetch(DAY)
    assert (fetched.reason, fetched.size) == (None, len(content))


def put(target: Path, content: bytes) -> None:
    """Lay a file and its CHECKSUM there, with a final line end that the real ones lack."""
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    Path(f"{target}.CHECKSUM").write_text(f"{hashlib.sha256(content).hexdigest()}  {target.name}\n")
