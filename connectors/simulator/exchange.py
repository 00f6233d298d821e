"""The exchange's state: its symbols, accounts, limits, faults, and what it was asked. `gateway` answers from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from connectors.simulator.account import accounts
from connectors.simulator.account.account_book import Amount, Book
from connectors.simulator.account.accounts import Account, Balances, Key
from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.life import Cashflow
from connectors.simulator.account.files import Files
from connectors.simulator.account.futures_book import FuturesBook
from connectors.simulator.account.margin_book import MarginBook
from connectors.simulator.account.trader import Life
from connectors.simulator.account.wallet_books import Filed, Holdings, Leg, checked
from connectors.simulator.archive.faults import AnyArchiveFault, ArchiveFault
from connectors.simulator.archive.store import Archive, Source
from connectors.simulator.futures import Contract, Futures
from connectors.simulator.market.history import History, Kept
from connectors.simulator.market.kline_pages import Charts
from connectors.simulator.market.listings import LISTINGS, Listing, generated
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.recorded import listing_of
from connectors.simulator.market.tickers import Tickers
from connectors.simulator.market.trades import Tape
from connectors.simulator.protocol.faults import AnyFault, Faults
from connectors.simulator.protocol.limits import Limits
from connectors.simulator.protocol.messages import Requests
from connectors.simulator.protocol.rules import Refusal

_UNDERLYINGS = ("ETHUSDT",)  # of options
_INFOS_KEPT = 8192


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class Exchange:
    """An exchange without a network; `server.serve` puts it behind one.

    The same seed gives the same market. `clock` gives seconds since 1970; `skew_s` is added to it, so that the
    exchange's time differs from the client's.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
        extra_symbols: int = 0,
        limits: bool | Limits = True,
        latency_s: float = 0.0,
    ) -> None:
        self.clock = clock
        self.skew_s = 0.0
        self.latency_s = latency_s
        self.limits = limits if isinstance(limits, Limits) else Limits(enforced=limits)
        self.faults = Faults()
        self.requests = Requests()
        self.files = Files()
        self.address = "127.0.0.1"  # with the port, once it is served
        self.from_id_zero: Literal["first", "absent"] = "first"  # what `fromId=0` of myTrades means
        self._seed = seed
        self._market = Market(seed)
        history = History(self._market)
        self.charts = Charts(history)
        self.tickers = Tickers(history)
        self.futures = Futures(seed, clock)
        self.tapes = {"spot": Tape(self._market), **self.futures.tapes}
        self._listings = {listing.symbol: listing for listing in (*LISTINGS, *generated(extra_symbols))}
        self._forgotten: dict[str, Listing] = {}
        futures = {
            market: Source(self.futures.charts[market], self.futures.archived(market)) for market in ("usdm", "coinm")
        }
        options = Source(self.charts, lambda: [one for one in LISTINGS if one.symbol in _UNDERLYINGS])
        self.archive = Archive({"spot": Source(self.charts, self._archived), **futures, "option": options})
        self._infos: dict[str, dict[str, Any]] = {}
        self._printed_infos = Kept(_INFOS_KEPT)
        self._accounts: dict[int, Account] = {}
        self.keys: dict[str, Key] = {}
        self._futures_books: dict[tuple[int, str], FuturesBook] = {}
        self._margin_books: dict[tuple[int, str], MarginBook] = {}

    # Time and symbols

    @property
    def now_us(self) -> int:
        return int((self.clock() + self.skew_s) * 1_000_000)

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    def listed(self, now_ms: int) -> list[Listing]:
        """All symbols known at an instant."""
        return [listing for listing in self._listings.values() if listing.listed_ms <= now_ms]

    def listing(self, symbol: str, now_ms: int) -> Listing:
        listing = self._listings.get(symbol)
        if listing is None or listing.listed_ms > now_ms:
            raise Refusal(-1121, "Invalid symbol.")
        return listing

    def info(self, listing: Listing, now_ms: int) -> dict[str, Any]:
        """A symbol as `exchangeInfo` prints it; a recorded one exactly as recorded."""
        return self._infos.get(listing.symbol) or listing.info(now_ms)

    def printed_info(self, listing: Listing, now_ms: int) -> msgspec.Raw:
        """The same as JSON, which is the same as long as its status is."""
        key = listing, listing.status(now_ms)
        return self._printed_infos.get(key, lambda: msgspec.Raw(msgspec.json.encode(self.info(listing, now_ms))))

    def add_symbol(self, listing: Listing) -> None:
        self._listings[listing.symbol] = listing

    def delist(self, symbol: str, at_ms: int | None = None) -> None:
        """Stop trading a symbol, now or at an instant, and expire its open orders; its history stays."""
        at_ms = self.now_ms if at_ms is None else at_ms
        self._infos.pop(symbol, None)
        self._listings[symbol] = replace(self._listings[symbol], delisted_ms=at_ms)
        for account in self._accounts.values():
            account.book.agenda.add(at_ms, account.book.closing(symbol))

    def remove(self, symbol: str) -> None:
        """Forget a symbol: it is unknown from now on, but to the archive."""
        for account in self._accounts.values():
            account.book.close(symbol)
        gone = self._listings.pop(symbol)
        ended_ms = self.now_ms if gone.delisted_ms is None else gone.delisted_ms
        self._forgotten[symbol] = replace(gone, delisted_ms=ended_ms)

    def _archived(self) -> list[Listing]:
        return [*self._listings.values(), *self._forgotten.values()]

    def replay_klines(self, symbol: str, interval: str, rows: Sequence[Sequence[Any]]) -> None:
        """Serve these recorded rows, and no others, as the candles of a series."""
        self.charts.replay(symbol, interval, rows)

    def replay_exchange_info(self, info: Mapping[str, Any]) -> None:
        """List the symbols of a recorded exchangeInfo, and no others, each exactly as recorded."""
        self._infos, self._printed_infos = {each["symbol"]: dict(each) for each in info["symbols"]}, Kept(_INFOS_KEPT)
        self._listings = {symbol: listing_of(each) for symbol, each in self._infos.items()}

    def replay_archive(self, folder: Path) -> None:
        """Serve the files below `folder/data` as files of the archive, instead of and beside its own."""
        self.archive.replay(folder)

    # Accounts

    def add_account(
        self,
        uid: int,
        api_key: str,
        *,
        secret: str | None = None,
        public_key_pem: str | bytes | None = None,
        balances: Balances | None = None,
        permissions: Collection[str] = accounts.READING,
        addresses: Collection[str] = (),
        orders: Life | None = None,
        money: Cashflow | None = None,
    ) -> None:
        """Give a user a key (HMAC by `secret`, else RSA or Ed25519); the same uid again adds a key to the account.

        `balances` are given to its spot wallet; `orders` says what the account trades, `money` what moves beside it.
        """
        if (secret is None) == (public_key_pem is None):
            raise ValueError("a key has either a secret or a public key")
        account = self._accounts.setdefault(uid, Account(uid, self.now_ms, self._new_book(uid)))
        for asset, (free, locked) in (balances or {}).items():
            account.set(asset, Decimal(free), Decimal(locked), self.now_ms)
        verify = accounts.by_secret(secret) if secret else accounts.by_public_key(public_key_pem or "")
        self.keys[api_key] = Key(account, verify, accounts.rights_of(permissions), self.now_ms, frozenset(addresses))
        if money:
            money.begin(account, self._seed)
        if orders:
            orders.begin(account, self._seed, self._market, self._listings)
        account.book.agenda.advance()

    def change_key(
        self,
        api_key: str,
        *,
        permissions: Collection[str] | None = None,
        addresses: Collection[str] | None = None,
        trading_until_ms: int | None = None,
    ) -> None:
        """Change what a key may do, from which addresses, or until when it may trade; what is not given stays."""
        key = self.keys[api_key]
        self.keys[api_key] = replace(
            key,
            rights=key.rights if permissions is None else accounts.rights_of(permissions),
            addresses=key.addresses if addresses is None else frozenset(addresses),
            trading_until_ms=key.trading_until_ms if trading_until_ms is None else trading_until_ms,
        )

    def delete_key(self, api_key: str) -> None:
        """Know a key no longer, as when its owner deletes it or it expires."""
        del self.keys[api_key]

    def _new_book(self, uid: int) -> Book:
        return Book(uid, self._seed, self.listing, lambda: self.now_ms)

    def reset(self) -> None:
        """Forget all that accounts ever traded, as a testnet does: ids begin anew."""
        for account in self._accounts.values():
            account.book = self._new_book(account.uid)
        self._futures_books.clear()
        self._margin_books.clear()

    def book(self, uid: int) -> Book:
        """The orders of an account up to now, to look at, and to trade by hand in a test."""
        book = self._accounts[uid].book
        book.agenda.advance()
        return book

    def contract(self, market: str, symbol: str, now_ms: int) -> Contract:
        """A contract of a market of futures."""
        return self.futures.listing(symbol, now_ms, market)

    def traded(self, market: str, symbol: str, now_ms: int) -> Listing:
        """A symbol of any market."""
        return self.listing(symbol, now_ms) if market == "spot" else self.contract(market, symbol, now_ms)

    def futures_book(self, uid: int, market: str = "usdm") -> FuturesBook:
        """The orders of an account in a market of futures up to now, to look at, and to trade by hand in a test."""
        self.book(uid)
        if (uid, market) not in self._futures_books:
            listing = partial(self.contract, market)
            clock = lambda: self.futures.now_us // 1000  # noqa: E731 - read whenever it is asked
            self._futures_books[uid, market] = FuturesBook(self._accounts[uid], market, self._seed, listing, clock)
        book = self._futures_books[uid, market]
        book.agenda.advance()
        return book

    def margin_book(self, uid: int, market: str = "margin") -> MarginBook:
        """The same of cross margin, or of all pairs of isolated_margin."""
        self.book(uid)
        if (uid, market) not in self._margin_books:
            clock = lambda: self.now_ms  # noqa: E731 - read whenever it is asked
            account = self._accounts[uid]
            self._margin_books[uid, market] = MarginBook(account, self._seed, self.listing, clock, market)
        book = self._margin_books[uid, market]
        book.agenda.advance()
        return book

    def set_balance(self, uid: int, asset: str, free: Amount, locked: Amount = 0) -> None:
        """From now on the account shows this much, until orders move it."""
        self.book(uid)
        account = self._accounts[uid]
        account.set(asset, Decimal(free), Decimal(locked), self.now_ms)
        account.updated_ms = self.now_ms

    def balances(self, uid: int, now_ms: int) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked of every asset of the exchange, zeros included."""
        self.book(uid)
        zero = (Decimal(0), Decimal(0))
        assets = {asset: zero for each in self.listed(now_ms) for asset in (each.base, each.quote)}
        return {**assets, **self._accounts[uid].held()}

    def wallets(self, uid: int) -> dict[str, Holdings]:
        """Free and locked of every asset that was ever moved in a wallet, by wallet; spot as in `balances`."""
        self.book(uid)
        return {**self._accounts[uid].wallets.all(), "spot": self.balances(uid, self.now_ms)}

    def move(self, uid: int, at_ms: int, legs: Iterable[Leg], rows: Iterable[Filed] = ()) -> None:
        """Change balances of an account's wallets at an instant and file what the ledgers tell of it, as one act.

        What lies in the future happens when its time has come.
        """
        book, account, legs = self.book(uid), self._accounts[uid], [checked(leg) for leg in legs]
        if at_ms <= self.now_ms:
            account.move(at_ms, legs, rows)
        else:
            book.agenda.add(at_ms, _once(partial(account.move, at_ms, legs, list(rows))))

    def movements(self, uid: int, path: str) -> list[tuple[str | None, dict[str, Any]]]:
        """The rows of a ledger of an account, such as `asset/transfer`, each with the value it is found under."""
        self.book(uid)
        return self._accounts[uid].movements[accounts.whole_path(path)]

    def add_movement(self, uid: int, path: str, row: dict[str, Any], of: str | None = None) -> dict[str, Any]:
        """File a row of a ledger that moves nothing; gives it back, so that a test can change it."""
        self.move(uid, self.now_ms, (), [Filed(path, row, of)])
        return row

    # Trouble

    def inject(self, fault: AnyFault | AnyArchiveFault) -> None:
        """Let something go wrong, with requests or with a file of the archive."""
        if isinstance(fault, ArchiveFault):
            self.archive.spoil(fault, self.now_ms)
        else:
            self.faults.add(fault)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.clear()
        self.archive.heal(self.now_ms)

    def spend(self, weight: int, address: str = "127.0.0.1") -> None:
        """Another client behind the same address spends from the budget."""
        try:
            self.limits.charge(address, "spot", weight, self.now_us / 1e6)
        except Refusal:
            return


def _once(act: Callable[[], None]) -> Story:
    """An act as a story."""
    act()
    yield from ()
