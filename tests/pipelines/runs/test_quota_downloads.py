"""Files of an account's futures: asked for once, within the quota, and imported whole, whatever happens in between."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from support.desks import Desk, instant, no_pause
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.keys import Secret
from connectors.binance.linked_files import fetch
from connectors.binance.pools import FUTURES
from connectors.binance.sites import resolve
from connectors.lake.sql.session import connect, run
from connectors.simulator.account.files import PREFIX
from connectors.simulator.protocol.faults import Error, Fault, Reset, ShortBody
from pipelines.context.progress import Silent
from pipelines.context.receipts import Receipt
from pipelines.estimate.files import planned_files
from pipelines.estimate.flow import plan_flows
from pipelines.runs.exports import run_exports
from pipelines.runs.registry import Window
from schemas.model.errors import AccessRefused, UsageProblem

INCOME = "/fapi/v1/income"
DAY_MS = 86_400_000
SINCE = "2025-01-01"
FIRST = f"{PREFIX}545923594199212032.zip"  # the file that is asked for first


@pytest.fixture
def books(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose account has earned in USD-M futures, some of it long ago."""
    trade_desk.addresses |= {"usdm": trade_desk.url, "coinm": trade_desk.url}
    trade_desk.exchange.limits.futures = UNLIMITED
    trade_desk.exchange.files.processing_ms = 0
    Budget(trade_desk.state, "simulator").learn(FUTURES, UNLIMITED)
    trade_desk.flows["books"] = {
        "kind": "account", "account": ACCOUNT, "datasets": ["income"], "wallets": ["usdm"],
    }  # fmt: skip
    for number, days in enumerate((400, 100, 20)):
        earn(trade_desk, days, f"1.{number}")
    return trade_desk


def earn(desk: Desk, days_ago: float, income: str) -> None:
    now_ms = desk.exchange.now_ms
    row = {
        "symbol": "BTCUSDT", "incomeType": "REALIZED_PNL", "income": income, "asset": "USDT", "info": "", "tradeId": "1",
        "tranId": int(days_ago), "time": now_ms - int(days_ago * DAY_MS),
    }  # fmt: skip
    desk.exchange.add_movement(UID, INCOME, row)


async def brought(desk: Desk, *, again: bool = False) -> Receipt:
    """The receipt of a run that asks for all since 2025."""
    (receipt,) = await run_exports(
        desk.config, "books", Window(instant(SINCE), again=again), progress=Silent(), stop=desk.stop, state=desk.state,
        pause=no_pause,
    )  # fmt: skip
    return receipt


def questions(desk: Desk) -> int:
    """How often a file was asked for."""
    return len(desk.exchange.requests.to(f"{INCOME}/asyn"))


def states(desk: Desk) -> list[str]:
    rows = sorted(desk.rows("statement_downloads"), key=lambda row: (row["asked_at"], row["seen_at"]))
    return [row["state"] for row in rows]


def ledger(desk: Desk) -> list[Decimal]:
    with connect(desk.lake) as session:
        rows = run(session, "SELECT amount FROM ledger WHERE wallet = 'usdm' ORDER BY amount").to_pylist()
    return [row["amount"].normalize() for row in rows]


async def test_what_the_api_no_longer_returns_is_brought_once(books: TradeDesk) -> None:
    """Two years are two files; what both they and the API tell counts once, and nothing is asked for again."""
    await books.run("books")
    assert ledger(books) == [Decimal("1.2")]
    receipt = await brought(books)
    assert (receipt.failures, receipt.rows, questions(books)) == ((), 2, 2)
    assert states(books) == ["asked", "given", "imported"] * 2
    assert ledger(books) == [Decimal(1), Decimal("1.1"), Decimal("1.2")]
    assert (await brought(books)).rows == 0
    assert questions(books) == 2


async def test_files_before_the_first_pull(books: TradeDesk) -> None:
    """Where the API's own list was never pulled, files reach up to last month, and are asked for once all the same."""
    assert ((await brought(books)).rows, (await brought(books)).rows) == (2, 0)
    assert questions(books) == 2
    await books.run("books")
    assert ledger(books) == [Decimal(1), Decimal("1.1"), Decimal("1.2")]


async def test_a_file_that_is_being_made_is_not_asked_for_twice(books: TradeDesk) -> None:
    """A run that ends before a file is there leaves its id: the next one waits for the same file."""
    books.exchange.files.processing_ms = 3600_000
    receipt = await brought(books)
    assert "is still being made. Run again later: it is not asked for twice." in receipt.why()
    assert (receipt.exit_code, states(books)) == (75, ["asked", "given"])
    books.clock.advance(3700)
    books.exchange.files.processing_ms = 0
    assert (await brought(books)).rows == 2
    assert questions(books) == 2  # the other year of it, too


async def test_an_expired_link_is_asked_for_anew(books: TradeDesk) -> None:
    """A link that leads nowhere any more has brought nothing: the quota has to be spent again."""
    books.exchange.files.processing_ms = 3600_000
    await brought(books)
    books.clock.advance(3 * 86_400)
    books.exchange.files.processing_ms = 0
    assert (await brought(books)).rows == 2
    assert states(books).count("expired") == 1
    assert questions(books) == 3


async def test_a_link_that_expires_again_and_again_does_not_spend_the_quota(books: TradeDesk) -> None:
    """After two files that were gone before they were fetched it is said and not asked; --reload asks once more."""
    books.exchange.files.processing_ms = 3600_000
    for _ in range(4):
        said = await brought(books)
        books.clock.advance(3 * 86_400)
    assert (said.outcome, "So did that of the one before. It is not asked for again; --reload" in said.why()) == (
        "failed",
        True,
    )
    of_first = [row for row in books.rows("statement_downloads") if row["since"] == instant(SINCE)]
    assert [row["state"] for row in of_first].count("given") == 2
    books.exchange.files.processing_ms = 0
    assert (await brought(books, again=True)).failures == ()
    assert ledger(books) == [Decimal(1), Decimal("1.1")]
    assert (await brought(books)).failures == ()


@pytest.mark.parametrize("fault", [Reset(path=f"{INCOME}/asyn"), Error(path=f"{INCOME}/asyn", status=503, code=-1000)])
async def test_a_question_without_an_answer_is_not_repeated(fault: Fault, books: TradeDesk) -> None:
    """It may have been taken: it counts against the quota, and only --reload asks once more."""
    books.exchange.inject(fault)
    assert (await brought(books)).exit_code != 0
    assert (questions(books), states(books)) == (1, ["asked"])
    books.exchange.heal()
    said = await brought(books)
    assert "no answer came: it may have been made, and cannot be found. --reload asks" in said.why()
    asked = questions(books)
    assert (await brought(books, again=True)).failures == ()
    assert questions(books) == asked + 1
    assert ledger(books) == [Decimal(1), Decimal("1.1")]


async def test_a_refused_question_spends_nothing(books: TradeDesk) -> None:
    """What the exchange refuses it did not take."""
    books.exchange.inject(Error(path=f"{INCOME}/asyn", status=400, code=-1102))
    assert (await brought(books)).exit_code != 0
    assert states(books) == ["asked", "refused"]
    books.exchange.heal()
    assert (await brought(books)).failures == ()


async def test_half_a_file_is_imported_not_at_all(books: TradeDesk) -> None:
    """A file that was cut on its way leaves no row, and is fetched again by its id; the other year comes at once."""
    books.exchange.inject(ShortBody(path=FIRST))
    assert (await brought(books)).exit_code != 0
    assert ledger(books) == [Decimal("1.1")]
    books.exchange.heal()
    assert (await brought(books)).failures == ()
    assert (questions(books), ledger(books)) == (2, [Decimal(1), Decimal("1.1")])
    assert list((books.lake.path / ".downloads").iterdir()) == []


async def test_a_file_that_cannot_be_read_is_not_asked_for_again(books: TradeDesk) -> None:
    """Long after its link has expired it is kept, and named by each run; the others come. Only --reload asks anew."""
    books.exchange.inject(ShortBody(path=FIRST))
    assert "--reload asks for it once more, which spends the quota again." in (await brought(books)).why()
    books.exchange.heal()
    books.clock.advance(3 * 86_400)
    for _ in range(2):
        said = await brought(books)
        assert (said.outcome, "It is kept in" in said.why()) == ("failed", True)
    assert (questions(books), states(books).count("unreadable")) == (2, 1)
    assert ledger(books) == [Decimal("1.1")]  # the other year
    assert (await brought(books, again=True)).failures == ()
    assert (questions(books), ledger(books)) == (3, [Decimal(1), Decimal("1.1")])


async def test_an_unreadable_file_that_the_exchange_forgot_stops_no_other(books: TradeDesk) -> None:
    """Where it is not told any more where to fetch that file, the run says so and goes on to ask for newer ones."""
    books.exchange.inject(ShortBody(path=FIRST))
    await brought(books)
    books.exchange.heal()
    books.clock.advance(40 * 86_400)
    books.exchange.inject(Error(path=f"{INCOME}/asyn/id", code=-4000, status=400, msg="forgotten"))
    said = await brought(books)
    assert (len(said.failures), "forgotten" in said.why()) == (1, True)
    assert (questions(books), states(books).count("unreadable")) == (3, 1)


async def test_a_file_that_the_exchange_forgot_stops_no_other(books: TradeDesk) -> None:
    """The same of a file that was never fetched: it goes on to count as given, and the next year is asked for."""
    books.exchange.files.processing_ms = 3600_000
    await brought(books)
    books.exchange.files.processing_ms = 0
    books.exchange.inject(Error(path=f"{INCOME}/asyn/id", code=-4000, status=400, msg="forgotten", count=1))
    said = await brought(books)
    assert (len(said.failures), "forgotten" in said.why()) == (1, True)
    assert (questions(books), ledger(books)) == (2, [Decimal("1.1")])
    assert (await brought(books)).failures == ()
    assert (questions(books), ledger(books)) == (2, [Decimal(1), Decimal("1.1")])


async def test_a_file_that_is_imported_does_not_stay(books: TradeDesk) -> None:
    """What a run leaves that was killed right after it imported a file is removed by the next one."""
    await brought(books)
    asked_us = {round(row["asked_at"].timestamp() * 1_000_000) for row in books.rows("statement_downloads")}
    for instant_us in asked_us:
        (books.lake.path / ".downloads" / f"usdm-income-{instant_us}").write_text("rows")
    assert (await brought(books)).failures == ()
    assert list((books.lake.path / ".downloads").iterdir()) == []


@pytest.mark.soak
async def test_the_quota_is_shown_and_kept(books: TradeDesk) -> None:
    """`plan` says what was spent in this month, --dry-run what would be; beyond the quota nothing is asked."""
    (first, second) = planned_files(books.config, "books", Window(instant(SINCE), instant("2026-08-01")))
    assert (first.market, first.export, first.spent, first.quota) == ("usdm", "income", 0, 100)
    assert (first.until, second.until) == (instant("2026-01-01"), instant("2026-08-01"))
    await brought(books)
    (plan,) = await plan_flows(books.config, ["books"], state=books.state, clock=books.now_us)
    assert "Files of futures asked for this month: income 2 of 100." in plan.note
    books.exchange.files.spent.clear()
    books.flows["books"]["datasets"] = ["orders", "fills"]
    books.flows["books"]["symbols"] = ["BTCUSDT"]
    books.clock.advance(60 * 86_400)
    for year in range(2018, 2024):
        await run_exports(
            books.config, "books", Window(instant(f"{year}-01-01"), instant(f"{year}-02-01")), progress=Silent(),
            stop=books.stop, state=books.state, pause=no_pause,
        )  # fmt: skip
    receipts = await run_exports(
        books.config, "books", Window(instant("2024-01-01"), instant("2024-02-01")), progress=Silent(), stop=books.stop,
        state=books.state, pause=no_pause,
    )  # fmt: skip
    assert "The quota of trades of usdm is spent: 5 of 5. Run again next month." in receipts[0].why()


async def test_no_link_is_ever_kept_or_shown(books: TradeDesk) -> None:
    """A link is signed: it is in no table, and in no failure."""
    books.exchange.inject(Reset(path=FIRST))
    said = (await brought(books)).why()
    books.exchange.heal()
    await brought(books)
    kept = [str(books.rows(name)) for name in ("api_requests", "statement_downloads", "statement_rows", "runs")]
    assert all("X-Amz" not in text and PREFIX not in text for text in [said, *kept])


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/data.zip?X-Amz-Signature=1",
        "https://bin-prod-user-rebate-bucket.s3.amazonaws.com.evil.example/x",
        "https://me@bin-prod-user-rebate-bucket.s3.amazonaws.com/x",
        "http://bin-prod-user-rebate-bucket.s3.amazonaws.com/x",
        "http://127.0.0.1:1/x",
        "https://fapi.binance.com/fapi/v1/income",
        "www.binance.com",
        "file:///etc/passwd",
    ],
)
async def test_a_link_to_elsewhere_is_not_followed(link: str) -> None:
    """Only hosts on a list are asked; the sentence names the host and no more of the link."""
    with pytest.raises(AccessRefused, match=r"from which binlake downloads nothing\. Download the file on") as refused:
        await fetch(resolve("live"), "usdm", Secret(link), io.BytesIO())
    assert "X-Amz" not in str(refused.value)


async def test_a_flow_without_futures(books: TradeDesk) -> None:
    """A flow of which the exchange makes no files says so, and asks nothing."""
    changed: dict[str, Any] = {"kind": "account", "account": ACCOUNT, "datasets": ["deposits"]}
    books.flows["books"] = changed
    with pytest.raises(UsageProblem, match="pulls nothing of which the exchange makes files"):
        await brought(books)
    with pytest.raises(UsageProblem, match="pulls nothing of which the exchange makes files"):
        planned_files(books.config, "books", Window(instant(SINCE)))
