"""The main job's flows on what the real exchange said: recorded answers and archive files, replayed by the simulator.

What was printed then must come out of SQL to the last digit, and every hole of the recording must be a gap.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML
from support.desks import API_KEY, AS_PRINTED, SECRET, UID
from support.sampled import some_of

from connectors.lake.sql.session import connect, run
from connectors.simulator.protocol import faults
from schemas.datasets import DATASETS
from schemas.datasets.market import PRICES, TICKERS
from schemas.model.fields import DECIMALS, EXTRA

if TYPE_CHECKING:
    from support.desks import Desk

Printed = list[list[Any]]

REST = "rest-json/gocryptotrader/GET_api_v3"
MAINTENANCE = ("2020-06-28T02:00", "2020-06-28T05:00")  # when the exchange printed no hours


@dataclass(frozen=True)
class Recording:
    """Adjoining recordings of one series of BTCUSDT, and the holes they are known to have."""

    interval: str
    rows: int
    files: tuple[str, ...]
    holes: tuple[tuple[str, str], ...] = ()

    def read(self, folder: Path) -> Printed:
        """Every recorded row once, as `klines` prints it."""
        pages = [(_zipped if name.endswith(".zip") else _answered)(folder / name) for name in self.files]
        return sorted({row[0]: row for page in pages for row in page}.values())


def _answered(path: Path) -> Printed:
    page: Printed = json.loads(path.read_text())["response"]
    return page


def _zipped(path: Path) -> Printed:
    """The rows of an archive file: since 2025 its times are microseconds."""
    with ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        return [
            [_ms(row[0]), *row[1:6], _ms(row[6]), row[7], int(row[8]), *row[9:]]
            for row in csv.reader(io.TextIOWrapper(file, "ascii"))
        ]


def _ms(time: str) -> int:
    return int(time[:13])


def _page(interval: str, since: int, until: int, limit: int | None = 1000) -> str:
    limited = "" if limit is None else f"_limit={limit}"
    return f"{REST}_klines__endTime={until}_interval={interval}{limited}_startTime={since}_symbol=BTCUSDT.json"


_DAILY = "archives/authentic/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-{}.zip"
_MONTHLY = "archives/rezipped/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"
RECORDINGS = {
    "days of 2019": Recording("1d", 365, (_page("1d", 1546300800000, 1577836799000),)),
    "days around 2019": Recording("1d", 372, (_page("1d", 1546041600000, 1578096000000),)),
    "days of 2020 and 2021": Recording("1d", 168, (_page("1d", 1598918400000, 1613347200000),)),
    "two pages of hours": Recording(
        "1h", 1468, (_page("1h", 1588280400000, 1591880400000), _page("1h", 1591880400000, 1593572400000)),
        holes=(MAINTENANCE,),
    ),
    "hours of 2023": Recording("1h", 176, (_page("1h", 1672516800000, 1673146800000),)),
    "five minutes": Recording("5m", 24, (_page("5m", 1577836800000, 1580515200000, 24),)),
    "minutes of 2020": Recording("1m", 60, (_page("1m", 1588740088000, 1588743688000, None),)),
    "archive of two days": Recording("1m", 2880, tuple(map(_DAILY.format, ("2020-01-01", "2020-01-02")))),
    "archive across the change of unit": Recording(
        "1h", 2160, tuple(map(_MONTHLY.format, ("2024-12", "2025-01", "2025-02")))
    ),
}  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def when(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def by_sql(desk: Desk) -> Printed:
    """What the lake holds, as the exchange would print it."""
    answer = run(connect(desk.lake), AS_PRINTED)
    return [list(row.values()) for row in answer.to_pylist()]


def replay(desk: Desk, recording: Recording, rows: Printed) -> None:
    """Let the exchange stand just behind the last recorded candle, and have a flow from the first one on."""
    desk.exchange.replay_klines("BTCUSDT", recording.interval, rows)
    desk.clock.now_s = rows[-1][6] / 1000 + 30
    desk.market(["BTCUSDT"], [recording.interval], f"{when(rows[0][0]):%Y-%m-%dT%H:%M}")


def holes(desk: Desk) -> list[tuple[datetime, datetime]]:
    """The gaps as they are known now, by their last version."""
    known = run(connect(desk.lake), "SELECT since, until FROM gaps ORDER BY since")
    return [(gap["since"], gap["until"]) for gap in known.to_pylist()]


@pytest.mark.parametrize("recording", some_of(RECORDINGS.values(), most=3), ids=RECORDINGS)
async def test_real_candles_come_back_to_the_last_digit(desk: Desk, recorded: Path, recording: Recording):
    """The lake holds each recorded candle as it was printed, covers all of them, and its gaps are the recording's."""
    rows = recording.read(recorded)
    replay(desk, recording, rows)
    [receipt] = await desk.run()
    assert (receipt.outcome, receipt.rows) == ("done", recording.rows)
    assert by_sql(desk) == rows
    end = when(rows[-1][6] + 1)
    assert desk.bounds("BTCUSDT", recording.interval) == (when(rows[0][0]), end)
    assert holes(desk) == [(at(since), at(until)) for since, until in recording.holes]


async def test_real_candles_pulled_day_by_day_are_the_same(desk: Desk, recorded: Path):
    """Many runs, one of them within the outage, and the history before them store what one run does."""
    recording = RECORDINGS["two pages of hours"]
    rows = recording.read(recorded)
    replay(desk, recording, rows)
    end = desk.clock.now_s
    desk.market(["BTCUSDT"], ["1h"], "2020-06-25T00:00")
    for days_before in (3.0, 2.1, 1.9, 1, 0):
        desk.clock.now_s = end - days_before * 86_400
        await desk.run()
    await desk.backfill(f"{when(rows[0][0]):%Y-%m-%dT%H:%M}")
    assert by_sql(desk) == rows
    assert holes(desk) == [tuple(map(at, MAINTENANCE))]
    assert desk.rows("gaps")[-1]["confirmed_at"] is not None
    assert desk.rows("corrections") == []


async def test_a_real_day_is_the_same_out_of_the_archive_and_out_of_rest(desk: Desk, recorded: Path):
    """The archived minutes of a day add up to the candle that REST printed for it: two recordings agree."""
    minutes, days = RECORDINGS["archive of two days"], RECORDINGS["days around 2019"]
    replay(desk, minutes, minutes.read(recorded))
    await desk.run()
    answer = run(
        connect(desk.lake),
        "SELECT epoch_ms(min(open_time)), arg_min(open, open_time)::VARCHAR, max(high)::VARCHAR, min(low)::VARCHAR,"
        " arg_max(close, open_time)::VARCHAR, sum(volume)::DECIMAL(38, 8)::VARCHAR, epoch_ms(max(close_time)),"
        " sum(quote_volume)::DECIMAL(38, 8)::VARCHAR, sum(trade_count)::BIGINT,"
        " sum(taker_buy_volume)::DECIMAL(38, 8)::VARCHAR, sum(taker_buy_quote_volume)::DECIMAL(38, 8)::VARCHAR, '0'"
        " FROM klines GROUP BY date_trunc('day', open_time) ORDER BY 1",
    )
    found = [list(row.values()) for row in answer.to_pylist()]
    assert found == [row for row in days.read(recorded) if row[0] in {day[0] for day in found}]
    assert len(found) == 2


def whole(row: dict[str, Any], dataset: str) -> dict[str, Any]:
    """A stored row in the exchange's own words: its columns and what `extra` kept."""
    declared = DATASETS[dataset]
    ours = {"market", "extra", "valid_from", "gone_since", "observed_at", "account", "wallet"}
    said = json.loads(row.get("extra") or "{}")
    for column in declared.columns:
        value = row[column.name]
        if column.name in ours or value is None:
            continue
        if column.type in DECIMALS:
            value = format(value, "f")
        elif isinstance(value, datetime):
            value = round(value.timestamp() * 1000)
        said[camel(column.name)] = json.loads(value) if column.type is EXTRA else value
    return said


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def by_symbol(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["symbol"]: row for row in rows}


def asks_for(desk: Desk, *datasets: str) -> None:
    """Have a flow of snapshots of every symbol."""
    desk.flows["prices"] = {"kind": "market", "market": "spot", "datasets": list(datasets), "symbols": "all"}


async def test_the_real_exchange_info_loads_whole(desk: Desk, recorded: Path):
    """All 1,695 symbols go through a flow into `symbols`, every field in a column or in `extra`."""
    info = json.loads((recorded / "exchange-info" / "spot_2021-10-12.json").read_text())
    desk.exchange.replay_exchange_info(info)
    desk.clock.now_s = info["serverTime"] / 1000
    asks_for(desk, "symbols")
    [receipt] = await desk.run()
    assert (receipt.outcome, receipt.rows) == ("done", 1695)
    stored = by_symbol(whole(row, "symbols") for row in desk.rows("symbols"))
    assert stored == by_symbol(info["symbols"])
    desk.clock.advance(60)
    [receipt] = await desk.run()
    assert receipt.rows == 0


async def test_a_market_of_real_symbols_is_chosen_and_pulled(desk: Desk, recorded: Path):
    """The three symbols most traded in BNB, of the real listing, get candles; none that is not trading is asked for."""
    info = json.loads((recorded / "exchange-info" / "spot_2021-10-12.json").read_text())
    desk.exchange.replay_exchange_info(info)
    desk.market({"quote": "BNB", "top": 3}, ["1m"], "2026-11-02T11:00")
    [receipt] = await desk.run()
    traded = {each["symbol"] for each in info["symbols"] if each["status"] == "TRADING" and each["quoteAsset"] == "BNB"}
    chosen = {row["symbol"] for row in desk.rows("klines")}
    assert (receipt.outcome, len(chosen), chosen <= traded) == ("done", 3, True)


def cassette(path: Path) -> str:
    """The body of the first answer of a recorded conversation."""
    if path.suffix == ".json":
        said: str = json.loads(path.read_text())[0]["response"]["body"]
        return said
    conversation = YAML(typ="safe").load(path)["http_interactions"]
    body: str = conversation[0]["response"]["body"]["string"]
    return body


def answer(path: Path) -> str:
    return json.dumps(json.loads(path.read_text())["response"])


@pytest.mark.parametrize(
    ("dataset", "read", "name", "rows"),
    [
        ("tickers", answer, f"{REST}_ticker_24hr__noquery.json", 6),
        ("tickers", answer, f"{REST}_ticker_24hr__symbol=BTCUSDT.json", 1),
        ("tickers", cassette, "vcr-cassettes/dvcrn-binance.ex/get_ticker_ok.json", 1),
        (
            "tickers",
            cassette,
            "vcr-cassettes/coingecko-cryptoexchange/Binance__integration_specs_fetch_ticker.yml",
            595,
        ),
        ("prices", answer, f"{REST}_ticker_price__symbol=BTCUSDT.json", 1),
        ("prices", cassette, "vcr-cassettes/dvcrn-binance.ex/get_all_prices_ok.json", 1363),
    ],
)
async def test_real_snapshots_are_stored_as_printed(desk: Desk, recorded: Path, dataset, read, name, rows):
    """A flow stores each field of a real answer: the same digits in its column, absent trades as NULL."""
    body = read(recorded / name)
    path = "/api/v3/ticker/24hr" if dataset == "tickers" else "/api/v3/ticker/price"
    desk.exchange.inject(faults.Body(path=path, text=body))
    asks_for(desk, dataset)
    [receipt] = await desk.run()
    assert receipt.rows == rows
    assert all("symbols that trade" in failure.why for failure in receipt.failures)  # as listed by the simulator
    printed = json.loads(body)
    expected = by_symbol(_comparable(each) for each in (printed if isinstance(printed, list) else [printed]))
    assert by_symbol(_comparable(whole(row, dataset)) for row in desk.rows(dataset)) == expected


def _comparable(ticker: dict[str, Any]) -> dict[str, Any]:
    """Digits count, not how many zeros are printed behind them; -1 is no trade."""
    decimals = {camel(column.name) for column in (*TICKERS.columns, *PRICES.columns) if column.type in DECIMALS}
    return {name: Decimal(value) if name in decimals else value for name, value in ticker.items() if value != -1}


async def test_a_real_account_is_stored_as_printed(desk: Desk, recorded: Path):
    """Of hundreds of printed balances the held ones are stored, to the last digit."""
    excerpt = json.loads((recorded / "account" / "spot_account_excerpt.json").read_text())
    desk.exchange.add_account(UID, API_KEY, secret=SECRET)
    desk.exchange.inject(faults.Body(path="/api/v3/account", text=json.dumps(excerpt), skip=1))  # first the key guard
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    await desk.run("balances")
    stored = [[row["asset"], format(row["free"], ".8f"), format(row["locked"], ".8f")] for row in desk.rows("balances")]
    held = [list(row.values()) for row in excerpt["balances"] if (row["free"], row["locked"]) != ("0.00000000",) * 2]
    assert stored == sorted(held)
