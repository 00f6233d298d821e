"""The only file that speaks HTTP with the exchange.

A call is on the allow-list, charged to the budget, signed afresh for each try over the very bytes that are sent,
and answered whole or not at all. No exception of aiohttp leaves this file: theirs hold the key and the signed URL.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

import aiohttp
import msgspec
import pyarrow as pa
from yarl import URL

from connectors.binance.answers import held, only_a_part, refuse_miscounted
from connectors.binance.budget import Budget
from connectors.binance.calls import Answer, Call, Host, Request, query_of
from connectors.binance.clock import ExchangeClock, Reading, steady_clock
from connectors.binance.decode import Refused, decode, decode_readable
from connectors.binance.endpoints import ALLOWED, CLOCKS
from connectors.binance.endpoints.model import Endpoint, Param, Security, Whole
from connectors.binance.errors import (
    BinanceError,
    ClockSkew,
    Denied,
    DeniedHere,
    Firewalled,
    Mismatched,
    Throttled,
    Transient,
    Unreachable,
    Unreadable,
    error_from,
    is_error,
)
from connectors.binance.key_watch import KeyWatch
from connectors.binance.keys import KeyPair, Secret
from connectors.binance.paging import Page
from connectors.binance.replies import code_in, minute_limit, more_in, rows_told, server_time, weight_in
from connectors.binance.retry import TRIES, pause_s
from connectors.binance.route import proxied, unanswered
from connectors.binance.sites import Site
from connectors.binance.whole_list import whole_list
from schemas.model.errors import AccessRefused

CONNECTIONS = 20
RESYNC_S = 300.0
RECV_WINDOW_MS = 5000  # a wider window would only hide a wrong clock
BODY_CAP = 64 * 2**20
_OK = 200
_say = logging.getLogger("binlake")
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5, sock_read=10)


Constants = Mapping[str, str | int]
Reader = Callable[[bytes, Endpoint, Constants], tuple[pa.Table, list[Refused]]]
Held = tuple[pa.Table, list[Refused], int | None]  # and how many rows the whole list has, where the answer says so


class Client:
    """Calls to one site, with or without a key. Each call goes to the host of its family, which has a clock of its own.

    An open client knows the time of the host that serves `family`.
    """

    def __init__(
        self,
        site: Site,
        budget: Budget,
        keys: KeyPair | None = None,
        on_request: Callable[[Request], None] | None = None,
        clock: Callable[[], float] = steady_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        family: str = "spot",
    ) -> None:
        self._site = site
        self._budget = budget
        self._keys = keys
        self._on_request = on_request
        self._clock = clock
        self._hosts: dict[Endpoint, Host] = {}
        self._home = self._host(family)
        self._sleep = sleep
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self.key_watch: KeyWatch | None = None

    @property
    def site(self) -> Site:
        return self._site

    @property
    def has_key(self) -> bool:
        return self._keys is not None

    def at_home(self, endpoint: Endpoint) -> bool:
        """Whether a call goes to the host that an open client has reached."""
        return CLOCKS[endpoint.family] is self._home.shows_time

    def watch_key(self, look: Callable[[], Awaitable[object]]) -> None:
        """From now on have `look` pass before a signed call whenever its last pass is an hour old."""
        self.key_watch = KeyWatch(look, self._clock)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
            headers={"Accept": "application/json", "User-Agent": "binlake"},
        )
        try:
            await self.sync()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def rows(self, endpoint: Endpoint, constants: Constants, **params: Param) -> pa.Table:
        """The rows of an answer, with exactly the schema of the endpoint's dataset."""
        rows, _ = await self.page(endpoint, constants, **params)
        return rows

    async def page(self, endpoint: Endpoint, constants: Constants, **params: Param) -> Page:
        """The same of a part of a list, with the number of rows that the answer says the whole list has."""
        rows, _, total = await self._held(lambda *told: (decode(*told), []), endpoint, constants, params)
        return rows, total

    async def readable_rows(
        self, endpoint: Endpoint, constants: Constants, **params: Param
    ) -> tuple[pa.Table, list[Refused]]:
        """The rows of a list that can be held exactly, and those that cannot."""
        rows, refused, _ = await self._held(decode_readable, endpoint, constants, params)
        return rows, refused

    async def _held(self, read: Reader, endpoint: Endpoint, constants: Constants, params: Mapping[str, Param]) -> Held:
        """The rows of an answer that agrees with its question: one that does not may be an accident on the way."""

        async def ask() -> Held:
            body = await self._list(endpoint, params)
            rows, refused = read(body, endpoint, constants)
            if endpoint.more is not None and more_in(body, endpoint.more):
                raise only_a_part(rows, endpoint)
            total = rows_told(body, endpoint)
            refuse_miscounted(rows, endpoint, total, params)
            return held(rows, endpoint, constants, params), refused, total

        with suppress(Mismatched):
            return await ask()
        return await ask()

    async def _list(self, endpoint: Endpoint, params: Mapping[str, Param]) -> bytes:
        """The answer that holds a list, or all its pages as one."""
        if isinstance(endpoint.walk, Whole) and (pages := endpoint.walk.pages) is not None:
            return await whole_list(lambda asked: self.body(endpoint, **params, **asked), endpoint, pages)
        return await self.body(endpoint, **params)

    async def body(self, endpoint: Endpoint, **params: Param) -> bytes:
        """The answer to a call: complete JSON that is not an error."""
        call = self._call(endpoint, params)
        if call.keys is not None and self.key_watch is not None:
            await self.key_watch.renew()
        if call.host.clock.older_than(RESYNC_S):
            await self._sync_again(call.host, call.host.clock.measurements)
        try:
            answer = await self._answer(call)
        except Denied as refused:
            raise await self._made_out(refused) from None
        if endpoint.tells_limits and (limit := minute_limit(answer.body)) is not None:
            self._budget.learn(endpoint.pool, limit)
        return answer.body

    async def _made_out(self, refused: Denied) -> Denied:
        """A refusal as one of this call alone where the key is accepted still; raises what a look at the key says."""
        watch = self.key_watch
        if watch is None or watch.is_looking or not refused.may_be_of_call:
            return refused
        await watch.look_again()
        return DeniedHere.of(refused)

    async def time_us(self, endpoint: Endpoint) -> int:
        """The time of the host of an endpoint, measured first where it was not of late."""
        host = self._host(endpoint.family)
        if host.clock.older_than(RESYNC_S):
            await self._sync_again(host, host.clock.measurements)
        return int(host.clock.now_s() * 1e6)

    async def sync(self) -> None:
        """Measure the exchange's clock; once more when what it shows cannot be."""
        await self._sync(self._home)

    async def _sync(self, host: Host) -> None:
        try:
            host.clock.measure([await self._reading(host), await self._reading(host)])
        except Unreadable:
            host.clock.measure([await self._reading(host), await self._reading(host)])

    async def _reading(self, host: Host) -> Reading:
        answer = await self._answer(self._call(host.shows_time, {}))
        return Reading(answer.asked_s, answer.answered_s, server_time(answer.body), answer.headers.get("Date", ""))

    def go_by(self, readings: Sequence[Reading]) -> None:
        """Take the time from a clock that was read elsewhere, for a run in which the exchange is not asked."""
        self._home.clock.measure(readings)

    def now_us(self) -> int:
        """The exchange's time."""
        return int(self._home.clock.now_s() * 1e6)

    async def _sync_again(self, host: Host, found_wrong: int) -> None:
        """Measure a clock again, once for all who found the same measurement wrong."""
        async with host.syncing:
            if host.clock.measurements == found_wrong:
                await self._sync(host)

    def _host(self, family: str) -> Host:
        """The host of a family; the budget counts the minutes of its pools by its clock."""
        shows_time = CLOCKS[family]
        if shows_time not in self._hosts:
            followed = {host.shows_time.pool.family for host in self._hosts.values()}
            self._hosts[shows_time] = Host(shows_time, ExchangeClock(self._clock))
            if shows_time.pool.family not in followed:  # hosts may share a pool: the first one turns its minutes
                self._budget.follow(shows_time.pool.family, self._hosts[shows_time].clock.now_s)
        return self._hosts[shows_time]

    def _call(self, endpoint: Endpoint, params: Mapping[str, Param]) -> Call:
        if (endpoint.method, endpoint.path) not in ALLOWED:
            raise ValueError(f"{endpoint.method} {endpoint.path} is not on the list of read calls")
        keys = self._keys if endpoint.security is not Security.PUBLIC else None
        if keys is None and endpoint.security is not Security.PUBLIC:
            raise AccessRefused(f"{endpoint.name} needs a key.", "Give the account a key in flows.yaml.")
        url = self._site.url(endpoint.family) + endpoint.path
        host, query = self._host(endpoint.family), query_of({**endpoint.fixed, **params})
        return Call(endpoint=endpoint, host=host, url=url, query=query, weight=endpoint.cost(params), keys=keys)

    async def _answer(self, call: Call) -> Answer:
        """Try until an answer comes, as often as makes sense; what cannot succeed is asked once."""
        attempt = 0
        while True:
            attempt += 1
            syncs = call.host.clock.measurements
            try:
                return await self._try(call)
            except (Transient, Unreachable, Throttled, ClockSkew) as problem:
                remembered = isinstance(problem, Throttled) and problem.status is None
                may_have_done = call.endpoint.once and not isinstance(problem, ClockSkew)
                if attempt == TRIES or remembered or may_have_done:
                    raise
                failure = problem
            await self._cure(call.host, failure, attempt, syncs)

    async def _cure(self, host: Host, failure: BinanceError, attempt: int, syncs: int) -> None:
        if isinstance(failure, Unreachable) and not host.known_silent:
            host.known_silent = True
            _say.warning("%s Trying again for some seconds.", failure.what)
        match failure:
            case ClockSkew():
                await self._sync_again(host, syncs)
            case Throttled():
                pass  # the budget knows, and lets nobody through before it is time
            case _:
                await self._sleep(pause_s(attempt))

    async def _try(self, call: Call) -> Answer:
        """Ask once, as soon as the budget allows it."""
        async with self._slots:
            await self._budget.spend(call.endpoint.pool, call.weight)
            answer = await self._send(call, self._target(call))
        self._account_for(call, answer)
        if answer.problem is not None:
            raise answer.problem
        return answer

    def _target(self, call: Call) -> Secret:
        """The address as it goes on the wire: what is signed are the very bytes that are sent."""
        if call.keys is None or call.endpoint.security is Security.KEYED:
            return Secret(f"{call.url}?{call.query}" if call.query else call.url)
        stamp = f"recvWindow={RECV_WINDOW_MS}&timestamp={int(call.host.clock.now_s() * 1000)}"
        payload = f"{call.query}&{stamp}" if call.query else stamp
        return Secret(f"{call.url}?{payload}&signature={call.keys.sign(payload.encode())}")

    async def _send(self, call: Call, target: Secret) -> Answer:
        """One exchange of messages. A failure is returned: raised here, it would carry aiohttp's own along."""
        asked_s = self._clock()
        try:
            async with self._session.request(
                call.endpoint.method,
                URL(target.reveal(), encoded=True),
                headers=_headers(call),
                allow_redirects=False,  # the key header would follow to another host
                middlewares=(_sent_once,) if call.endpoint.once else (),
                **proxied(call.url),
            ) as response:
                body = await _whole(response)
                status, headers = response.status, response.headers
        except Unreadable as too_long:
            return Answer(asked_s=asked_s, problem=too_long)
        except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
            return Answer(asked_s=asked_s, problem=_no_answer(call, error))
        answered_s = self._clock()
        call.host.clock.hint(headers.get("Date", ""), answered_s)
        problem = _problem(call, status, headers, body, int(call.host.clock.at(answered_s) * 1000))
        return Answer(
            asked_s=asked_s, answered_s=answered_s, status=status, headers=headers, body=body, problem=problem
        )

    def _account_for(self, call: Call, answer: Answer) -> None:
        """Tell the budget what the exchange said about it, and the journal what happened."""
        pool, problem, clock = call.endpoint.pool, answer.problem, call.host.clock
        used = weight_in(answer.headers.get(pool.header, ""))
        if used is not None:
            self._budget.correct(pool, used, clock.at(answer.asked_s))
        if isinstance(problem, (Throttled, Firewalled)):
            until_s = problem.until_ms / 1000
            lasts_s = until_s - clock.at(answer.answered_s)
            self._budget.block(pool, until_s, lasts_s, type(problem))
        if self._on_request is not None:
            self._on_request(self._record(call, answer, used))

    def _record(self, call: Call, answer: Answer, used: int | None) -> Request:
        answered, clock = answer.status is not None, call.host.clock
        return Request(
            asked_at=int(clock.at(answer.asked_s) * 1e6),
            answered_at=int(clock.at(answer.answered_s) * 1e6) if answered else None,
            method=call.endpoint.method,
            path=call.endpoint.path,
            params=call.query,
            key_fingerprint=call.keys.fingerprint if call.keys else None,
            status=answer.status,
            code=answer.problem.code if answer.problem else None,
            pool=call.endpoint.pool.name,
            weight=call.weight,
            used_weight=used,
            latency_ms=round((answer.answered_s - answer.asked_s) * 1000) if answered else None,
            own_weight=None if used is None else self._budget.sent(call.endpoint.pool),
        )


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp itself would repeat a GET whose connection broke."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


def _headers(call: Call) -> dict[str, str]:
    key = {"X-MBX-APIKEY": call.keys.api_key.reveal()} if call.keys else {}
    return key | ({"X-MBX-TIME-UNIT": "MICROSECOND"} if call.endpoint.micro else {})


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The decoded body, as long as it is no bomb."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > BODY_CAP:
            raise Unreadable(f"An answer of more than {BODY_CAP >> 20} MB was cut off.", path=response.url.path)
        chunks.append(chunk)
    return b"".join(chunks)


def _problem(call: Call, status: int, headers: Mapping[str, str], body: bytes, now_ms: int) -> BinanceError | None:
    """What is wrong with an answer, if anything. A cut body comes as a plain 200: only its JSON shows it."""
    if status == _OK:
        try:
            code = code_in(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return Transient(
                f"The exchange's answer to {call.shown} is not complete JSON.",
                "It may be in maintenance; run again later.",
                path=call.endpoint.path,
                status=status,
            )
        if not is_error(code):
            return None
    return error_from(status, body, headers, call.endpoint, now_ms=now_ms, asked=call.shown_query)


def _no_answer(call: Call, error: Exception) -> Unreachable:
    who, way_out = unanswered(call.url, error)
    return Unreachable(f"No answer to {call.shown} from {who}", way_out, path=call.endpoint.path)
