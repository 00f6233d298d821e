"""The simulator's archive: what it lists, what it serves, when, and how it is spoiled."""

from __future__ import annotations

import hashlib
import io
import typing
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import msgspec
import pytest

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.archive import faults as archive_faults
from connectors.simulator.archive.faults import AnyArchiveFault, ArchiveFault, opened_ms
from connectors.simulator.archive.kinds import CANDLES as HEADER
from connectors.simulator.archive.names import Period, Publication, parse
from connectors.simulator.market.intervals import DAY_MS, LENGTH_MS, Interval
from connectors.simulator.protocol import faults
from connectors.simulator.protocol.messages import Answer

Ask = Callable[..., Answer]
Get = Callable[..., Any]
PATH = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-10-30.zip"
FIRST_MS = 1_793_318_400_000


def _folder(cadence: str, *series: str) -> str:
    return "/".join(["data/spot", cadence, "klines", *series, ""])


def _listing(ask: Ask, prefix: str, **more: str) -> ET.Element:
    query = "&".join(f"{name.replace('_', '-')}={quote(value)}" for name, value in {"prefix": prefix, **more}.items())
    answer = ask(f"/?{query}")
    assert answer.status == 200
    return ET.fromstring(answer.body)  # noqa: S314 - our own


def _found(root: ET.Element, *way: str) -> list[str]:
    return [each.text or "" for each in root.iterfind("/".join(f"{{*}}{part}" for part in way))]


def _lines(body: bytes) -> list[bytes]:
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.testzip() is None
    return archive.read(archive.namelist()[0]).splitlines()


# What it holds


@pytest.mark.parametrize(
    ("symbol", "interval", "spelt", "period"),
    [
        ("BTCUSDT", "1m", "1m", "2024-05-07"),
        ("BTCUSDT", "1m", "1m", "2025-01-01"),
        ("ETHBTC", "1s", "1s", "2026-10-30"),
        ("XRPUSDT", "5m", "5m", "2026-10-14"),
        ("LTCUSDT", "1m", "1m", "2026-10-20"),
        ("BTCUSDT", "4h", "4h", "2024-02"),
        ("币安人生USDT", "1d", "1d", "2026-09"),
        ("BTCUSDT", "1w", "1w", "2026-09"),
        ("BTCUSDT", "1M", "1mo", "2026-09"),
        ("NANOUSDT", "1h", "1h", "2022-01"),
    ],
)
def test_a_file_holds_what_klines_shows(
    symbol: str, interval: str, spelt: str, period: str, ask: Ask, get: Get
) -> None:
    """Row by row and digit by digit, outages and candles off the grid included; from 2025 on in microseconds."""
    cadence = "daily" if len(period) == 10 else "monthly"
    answer = ask(quote(f"/{_folder(cadence, symbol, spelt)}{symbol}-{spelt}-{period}.zip"))
    file = parse(f"{_folder(cadence, symbol, spelt)}{symbol}-{spelt}-{period}.zip")
    assert file is not None
    micro = {"X_MBX_TIME_UNIT": "MICROSECOND"} if period >= "2025" else {}
    shown: list[list[Any]] = []
    start, end = file.period.since_ms, file.period.until_ms - 1
    asked = f"/api/v3/klines?symbol={quote(symbol)}&interval={interval}&limit=1000&endTime={end}"
    while page := get(f"{asked}&startTime={start}", **{name.lower(): value for name, value in micro.items()}):
        shown += page
        start = int(page[-1][0]) // (1000 if micro else 1) + 1
    assert [line.decode().split(",") for line in _lines(answer.body)] == [[str(each) for each in row] for row in shown]


def test_a_header_from_some_day_on(exchange: Exchange, ask: Ask) -> None:
    """As futures have it; by default no file has one."""
    exchange.archive.rules = Publication(header_from=date(2026, 10, 30))
    day_before = PATH.replace("10-30", "10-29")
    assert _lines(ask(f"/{PATH}").body)[0] == HEADER
    assert _lines(ask(f"/{day_before}").body)[0][:1].isdigit()


def test_the_checksum_is_that_of_the_zip(ask: Ask) -> None:
    """Digest, two spaces and name, as sha256sum -c reads it."""
    assert ask(f"/{PATH}.CHECKSUM").body.decode().split("  ") == [
        hashlib.sha256(ask(f"/{PATH}").body).hexdigest(),
        "BTCUSDT-1m-2026-10-30.zip",
    ]


# When


@pytest.mark.parametrize(
    ("period", "interval", "published"),
    [
        (Period(date(2026, 10, 30), monthly=False), "1m", "2026-10-31T06:00"),
        (Period(date(2026, 10, 1), monthly=True), "1m", "2026-11-02T06:00"),
        (Period(date(2026, 11, 1), monthly=True), "1m", "2026-12-07T06:00"),
        (Period(date(2026, 11, 1), monthly=True), "1w", "2026-12-07T06:00"),
        (Period(date(2026, 5, 1), monthly=True), "1M", "2026-06-01T06:00"),
    ],
)
def test_files_appear_by_the_calendar(period: Period, interval: str, published: str) -> None:
    """A day's on the next day, a month's on the first Monday of the next month."""
    appeared = period.published_ms(Interval.of(interval, 0), Publication())
    assert datetime.fromtimestamp(appeared / 1000, UTC).isoformat()[:16] == published


@pytest.mark.parametrize("interval", LENGTH_MS)
@pytest.mark.parametrize("month", range(1, 13))
def test_no_file_appears_before_its_candles_close(interval: str, month: int) -> None:
    """Weeks and three-day candles reach into the next month."""
    period = Period(date(2026, month, 1), monthly=True)
    grid = Interval.of(interval, DAY_MS)
    last_closes = grid.opening(grid.slot(period.until_ms - 1) + 1)
    assert period.published_ms(grid, Publication()) > last_closes


def test_what_has_not_appeared_is_neither_listed_nor_served(ask: Ask, clock: MovableClock) -> None:
    """Today's file is not there before six tomorrow morning, however often its folder was listed by then."""
    today, folder = PATH.replace("10-30", "11-02"), _folder("daily", "BTCUSDT", "1m")
    seen = []
    for hours in (0, 17, 1):
        clock.advance(hours * 3600)
        listed = _found(_listing(ask, folder, delimiter="/", marker=PATH), "Contents", "Key")
        seen.append((today in listed, ask(f"/{today}").status))
    assert seen == [(False, 404), (False, 404), (True, 200)]


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("10-30", "13-30"),
        PATH.replace("1m", "1mo"),
        PATH.replace("BTCUSDT", "NOSUCH"),
        PATH.replace("2026", "2016"),
        "data/spot/daily/klines/NANOUSDT/1m/NANOUSDT-1m-2022-01-20.zip",
        "data/spot/daily/klines/BTCUSDT/1w/BTCUSDT-1w-2026-10-30.zip",
        "data/spot/daily/quotes/BTCUSDT/BTCUSDT-quotes-2026-10-30.zip",
        "data/",
    ],
)
def test_what_never_was_is_not_there(path: str, ask: Ask) -> None:
    """404 with S3's XML, as for what is not published yet."""
    answer = ask(f"/{path}")
    assert (answer.status, b"NoSuchKey" in answer.body) == (404, True)


# Listing


def test_folders_lead_down_to_the_files(ask: Ask) -> None:
    """Every level shows the next, the last one zips and CHECKSUMs side by side."""
    levels = ["", "data/", "data/spot/", "data/spot/monthly/", _folder("monthly"), _folder("monthly", "XNOUSDT")]
    for above, below in zip(levels, [*levels[1:], _folder("monthly", "XNOUSDT", "1mo")], strict=True):
        assert below in _found(_listing(ask, above, delimiter="/"), "CommonPrefixes", "Prefix")
    files = _found(_listing(ask, _folder("monthly", "XNOUSDT", "1mo"), delimiter="/"), "Contents", "Key")
    stem = f"{_folder('monthly', 'XNOUSDT', '1mo')}XNOUSDT-1mo-2026-10.zip"
    assert files == [stem, f"{stem}.CHECKSUM"]


def test_pages_of_a_listing_join(ask: Ask) -> None:
    """Walked by marker in pages of seven, everything is there once and in order; NextMarker needs a delimiter."""
    prefix, walked, marker = _folder("monthly", "XRPUSDT", "1d"), [], ""
    while True:
        root = _listing(ask, prefix, delimiter="/", marker=marker, max_keys="7")
        walked += _found(root, "Contents", "Key")
        if _found(root, "IsTruncated") == ["false"]:
            break
        marker = _found(root, "NextMarker")[0]
    assert walked == _found(_listing(ask, prefix), "Contents", "Key") == sorted(set(walked))
    assert _found(_listing(ask, prefix, max_keys="7"), "NextMarker") == []


def test_a_prefix_may_end_within_a_name(ask: Ask) -> None:
    """As S3 has it, a prefix need not be a folder."""
    found = _listing(ask, _folder("monthly")[:-1] + "/BTC", delimiter="/")
    assert _found(found, "CommonPrefixes", "Prefix") == [_folder("monthly", name) for name in ("BTCUSDT", "BTCZAR")]


def test_the_listing_is_true(ask: Ask) -> None:
    """Size, ETag and time are those of the file, for zips and CHECKSUMs, although no file was made for it."""
    root = _listing(
        ask,
        _folder("daily", "XRPUSDT", "5m"),
        delimiter="/",
        marker=_folder("daily", "XRPUSDT", "5m") + "XRPUSDT-5m-2026-10-28",
    )
    for entry in root.iterfind("{*}Contents"):
        told = {child.tag.partition("}")[2]: child.text for child in entry}
        answer = ask("/" + str(told["Key"]))
        assert (told["ETag"], told["Size"]) == (answer.headers["ETag"], str(len(answer.body)))


# Over the wire


def test_a_range_is_the_rest_of_the_same_version(exchange: Exchange, ask: Ask) -> None:
    """206 with the rest; the whole file when another version was meant; 416 beyond its end."""
    whole = ask(f"/{PATH}")
    rest = ask(f"/{PATH}", range="bytes=1000-", if_range=whole.headers["ETag"])
    assert (rest.status, rest.body) == (206, whole.body[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(whole.body) - 1}/{len(whole.body)}"
    assert ask(f"/{PATH}", range=f"bytes={len(whole.body)}-").status == 416
    exchange.inject(archive_faults.Repeated(file=PATH))
    assert ask(f"/{PATH}", range="bytes=1000-", if_range=whole.headers["ETag"]).status == 200


def test_the_archive_counts_no_weight(exchange: Exchange, ask: Ask) -> None:
    """It is another host; what is asked there is noted all the same."""
    ask(f"/{PATH}")
    assert [(seen.path, seen.weight, seen.used) for seen in exchange.requests] == [(f"/{PATH}", 0, 0)]


def test_faults_of_requests_hit_the_archive_too(exchange: Exchange, ask: Ask) -> None:
    """By path, as anywhere."""
    exchange.inject(faults.Html(path=f"/{PATH}", status=503))
    assert [ask(f"/{PATH}").status for _ in range(2)] == [503, 200]


# Faults


KINDS: tuple[type[ArchiveFault], ...] = typing.get_args(AnyArchiveFault)
MORE: dict[type[ArchiveFault], dict[str, Any]] = {
    archive_faults.OddChecksum: {"text": "?"},
    archive_faults.WrongMember: {"name": "x.csv"},
    archive_faults.Bomb: {"megabytes": 1},
    archive_faults.Lacking: {"since_ms": FIRST_MS, "until_ms": FIRST_MS + 60_000},
    archive_faults.OtherUnit: {"since_ms": FIRST_MS},
    archive_faults.Changed: {"open_ms": FIRST_MS, "values": {4: "1.0"}},
    archive_faults.OddLine: {"text": "?"},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_fault_spoils_its_file_alone_and_heals(kind: type[ArchiveFault], exchange: Exchange, ask: Ask) -> None:
    """The file or its CHECKSUM is another, its neighbour is not; healed, both are as before, that one published later."""
    neighbour = PATH.replace("10-30", "10-31")
    good, beside = [ask(f"/{PATH}"), ask(f"/{PATH}.CHECKSUM")], ask(f"/{neighbour}")
    exchange.inject(
        msgspec.json.decode(msgspec.json.encode(kind(file=PATH, **MORE.get(kind, {}))), type=AnyArchiveFault)
    )
    bad = [ask(f"/{PATH}"), ask(f"/{PATH}.CHECKSUM")]
    assert [each.body for each in bad] != [each.body for each in good]
    assert ask(f"/{neighbour}") == beside
    exchange.heal()
    healed = [ask(f"/{PATH}"), ask(f"/{PATH}.CHECKSUM")]
    assert [each.body for each in healed] == [each.body for each in good]
    beside_it = issubclass(kind, archive_faults.ChecksumFault)
    assert healed[beside_it].headers["Last-Modified"] != good[beside_it].headers["Last-Modified"]
    assert (bad[0].headers.get("ETag") == good[0].headers["ETag"]) == beside_it


@pytest.mark.parametrize(
    "kind", [archive_faults.Lacking, archive_faults.Changed, archive_faults.CutZip], ids=lambda kind: kind.__name__
)
def test_a_spoiled_file_agrees_with_its_checksum_and_listing(kind: Any, exchange: Exchange, ask: Ask) -> None:
    """A wrong file is wrong all the way, unless the fault is that it is not."""
    exchange.inject(kind(file=PATH, **MORE.get(kind, {})))
    body = ask(f"/{PATH}").body
    assert ask(f"/{PATH}.CHECKSUM").body.startswith(hashlib.sha256(body).hexdigest().encode())
    root = _listing(ask, PATH)
    assert _found(root, "Contents", "Size")[0] == str(len(body))


def test_a_missing_file_is_not_listed(exchange: Exchange, ask: Ask) -> None:
    """Nor is its CHECKSUM; and a CHECKSUM alone can be missing."""
    exchange.inject(archive_faults.NoFile(file=PATH))
    other = PATH.replace("10-30", "10-31")
    exchange.inject(archive_faults.NoChecksum(file=other))
    assert _found(_listing(ask, PATH), "Contents", "Key") == []
    assert _found(_listing(ask, other), "Contents", "Key") == [other]


def test_units_differ_from_a_row_on(exchange: Exchange, ask: Ask) -> None:
    """Times before it are in microseconds, from it on in milliseconds, of the same instants."""
    right = [opened_ms(line) for line in _lines(ask(f"/{PATH}").body)]
    exchange.inject(archive_faults.OtherUnit(file=PATH, since_ms=right[700]))
    lines = _lines(ask(f"/{PATH}").body)
    assert {len(line.partition(b",")[0]) for line in lines[:700]} == {16}
    assert {len(line.partition(b",")[0]) for line in lines[700:]} == {13}
    assert [opened_ms(line) for line in lines] == right


# Other markets and kinds


def test_folders_of_futures_hold_kinds_and_symbols(ask: Ask) -> None:
    """Each market lists its kinds, symbols and files, monthly and daily where the archive has both."""
    root = _listing(ask, "data/futures/um/daily/", delimiter="/")
    folders = _found(root, "CommonPrefixes", "Prefix")
    assert [folder.split("/")[-2] for folder in folders] == [
        "aggTrades",
        "bookDepth",
        "bookTicker",
        "indexPriceKlines",
        "klines",
        "markPriceKlines",
        "metrics",
        "premiumIndexKlines",
        "trades",
    ]
    root = _listing(ask, "data/futures/cm/monthly/fundingRate/BTCUSD_PERP/", delimiter="/")
    keys = [key.rpartition("/")[2] for key in _found(root, "Contents", "Key")]
    assert "BTCUSD_PERP-fundingRate-2026-09.zip" in keys
    assert not _found(_listing(ask, "data/futures/um/monthly/metrics/", delimiter="/"), "CommonPrefixes")


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-10-30", "1793318400000"),
        ("futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2026-10-30", "1793318400000"),
        ("futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-06-24", "2026-06-24 00:05:00"),
        ("futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-06-25", "2026-06-25 00:00:00"),
        (
            "futures/cm/daily/liquidationSnapshot/BTCUSD_PERP/BTCUSD_PERP-liquidationSnapshot-2024-10-14",
            "1728864007926",
        ),
    ],
)
def test_files_of_futures_have_a_header(path: str, first: str, ask: Ask) -> None:
    """Under it the first row of the day, labelled as the archive labels it (D4)."""
    header, row, *_ = _lines(ask(f"/data/{path}.zip").body)
    assert not header[:1].isdigit()
    assert row.decode().split(",")[0] == first
