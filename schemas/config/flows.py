"""The model of flows.yaml: which lake, which exchange, which accounts, and the flows that fill the lake.

`pipelines.settings.loader.load` reads the file and says where in it something is wrong; `flows.schema.json` is this
model for editors (`python -m schemas.config.flows > schemas/flows.schema.json`).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from cronsim import CronSim
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from schemas.config import values as written
from schemas.config.accounts import Account
from schemas.config.names import (
    ACCOUNT_DATASETS,
    BY_MINER,
    BY_WALLET,
    ELSEWHERE,
    GROUPS,
    MARKET_DATASETS,
    MARKET_NEEDS,
    MARKETS,
    MOVING,
    OF_FUTURES,
    ONLY,
    PER_SYMBOL,
    VALUED,
    each_of,
)
from schemas.config.parts import Length, Many, Name, Part, Symbol
from schemas.config.values import OneOf, Written, question, shown, wrong
from schemas.datasets import DATASETS, with_role
from schemas.derived.queries import check_names
from schemas.model.dataset import Role
from schemas.model.grid import INTERVALS
from schemas.model.wallets import FUTURES, TRADING, WALLETS

_Address = Annotated[str, OneOf("address", ("spot", "wallet", "usdm", "coinm", "archive", "archive_list", "name"))]
_Exchange = Annotated[
    Annotated[str, OneOf("exchange", ("live", "testnet", "simulator")), Tag("<name>")]
    | Annotated[dict[_Address, str], Tag("<addresses>")],
    Discriminator(lambda raw: "<addresses>" if isinstance(raw, dict) else "<name>"),
]
_Severity = Annotated[Literal["error", "warn"], BeforeValidator(OneOf("severity", ("error", "warn")).check)]
_Interval = Annotated[str, OneOf("interval (1m is a minute, 1M a month)", INTERVALS)]
_MarketDataset = Annotated[str, OneOf("market dataset", MARKET_DATASETS, ELSEWHERE["market"])]
_AccountDataset = Annotated[str, OneOf("account dataset", (*ACCOUNT_DATASETS, *GROUPS), ELSEWHERE["account"])]


class TopSymbols(Part):
    """The symbols most traded when first asked; once chosen, they are kept."""

    quote: Symbol = Field(description="the asset they are paid in, such as USDT")
    top: int = Field(description="how many, by quote volume of 24 hours", ge=1, le=5000)


class AccountSymbols(Part):
    """The spot symbols that turn whatever an account holds or moved into a quote asset, one or two for each asset."""

    account: Name = Field(description="a name under accounts")
    quote: Symbol = Field("USDT", description="the asset to value in")


class Valuation(Part):
    """What an account's own flow values all of it in."""

    quote: Symbol = Field("USDT", description="the asset to value in, such as EUR")


def _symbols_form(raw: Any) -> str:
    if isinstance(raw, (list, tuple)):
        return "<list>"
    if isinstance(raw, AccountSymbols) or (isinstance(raw, dict) and "account" in raw):
        return "<account>"
    return "<top>" if isinstance(raw, (dict, TopSymbols)) else "<all>"


_Symbols = Annotated[
    Annotated[Literal["all"], BeforeValidator(OneOf("choice of symbols", ("all",)).check), Tag("<all>")]
    | Annotated[Many[Symbol], Tag("<list>")]
    | Annotated[TopSymbols, Tag("<top>")]
    | Annotated[AccountSymbols, Tag("<account>")],
    Discriminator(_symbols_form),
]


TRADED = "traded"
_TradedSymbols = Annotated[
    Annotated[Literal["traded"], BeforeValidator(OneOf("choice of symbols", (TRADED,)).check), Tag("<traded>")]
    | Annotated[Many[Symbol], Tag("<list>")],
    Discriminator(lambda raw: "<list>" if isinstance(raw, (list, tuple)) else "<traded>"),
]


_Values = Annotated[
    Annotated[bool, Tag("<yes or no>")] | Annotated[Valuation, Tag("<quote>")],
    Discriminator(lambda raw: "<quote>" if isinstance(raw, (dict, Valuation)) else "<yes or no>"),
]


_Wallets = Annotated[
    Annotated[Literal["all"], BeforeValidator(OneOf("choice of wallets", ("all",)).check), Tag("<all>")]
    | Annotated[Many[Annotated[str, OneOf("wallet", tuple(WALLETS))]], Tag("<list>")],
    Discriminator(lambda raw: "<list>" if isinstance(raw, (list, tuple)) else "<all>"),
]


class _Flow(Part):
    every: Length | None = Field(
        None, description="how often it runs: 5m, 1h, 1d; without every and cron it runs when asked"
    )
    cron: Annotated[str, Written(written.cron, r"^\S+( +\S+){4}$")] | None = Field(
        None, description="when it runs, as five cron fields, UTC"
    )

    @model_validator(mode="after")
    def _one_schedule(self) -> _Flow:
        if self.every is not None and self.cron is not None:
            raise wrong("every and cron cannot both say when it runs; keep one.", "cron")
        return self

    def last_due(self, now: datetime) -> datetime | None:
        """When a run was last due; None for a flow without a schedule."""
        if self.cron is not None:
            return next(CronSim(self.cron, now.astimezone(UTC), reverse=True))
        return None if self.every is None else now - self.every

    def next_due(self, last_started: datetime | None, now: datetime) -> datetime | None:
        """When the run after that one is due; None for a flow without a schedule."""
        if self.cron is not None:
            return next(CronSim(self.cron, now.astimezone(UTC)))
        return None if self.every is None else (last_started + self.every if last_started else now)

    def period(self, now: datetime) -> timedelta | None:
        """The time between two runs; None for a flow without a schedule."""
        last = self.last_due(now)
        before = self.last_due(last) if last is not None else None
        return last - before if last is not None and before is not None else None


class MarketFlow(_Flow):
    """Pulls what a market prints; needs no key."""

    kind: Literal["market"] = Field(description="what the flow pulls")
    market: Annotated[str, OneOf("market", MARKETS)] = Field(
        description="spot, or futures: usdm, paid in USD, or coinm, in coins; of option there is an archive alone"
    )
    datasets: Many[_MarketDataset] = Field(description="what to pull")
    symbols: _Symbols = Field(
        "all",
        description="a list of names, all, {quote: USDT, top: 50}, or {account: main, quote: USDT}: those that value "
        "what an account holds; candles need it",
    )
    intervals: Many[_Interval] = Field((), description="lengths of the candles; they alone have them")
    since: Annotated[datetime, Written(written.since, r"^\d{4}-\d{2}-\d{2}")] | None = Field(
        None,
        description="where history begins, a date or an instant, UTC; candles and trades have it; with symbols: "
        "{account: main} it may be left out, and then is the first day that is valued",
    )
    source: Literal["auto", "rest", "archive"] = Field(
        "auto",
        description="where long history comes from: auto takes the public archive where it spares requests, "
        "archive asks nothing else",
    )
    delisted: bool = Field(
        False, description="with symbols: all, also pull what the exchange no longer lists but its archive holds"
    )

    @model_validator(mode="after")
    def _what_datasets_need(self) -> MarketFlow:
        for name in self.datasets:
            for key in MARKET_NEEDS[name]:
                if key not in self.model_fields_set and not (key == "since" and self.of_account):
                    raise wrong(f"{name} need {key}; add it.")
        for key, having in ONLY.items():
            if not having.intersection(self.datasets) and key in self.model_fields_set:
                names = ", ".join(name for name in MARKET_DATASETS if name in having)
                raise wrong(f"only {names} use this key; add one of these to datasets, or remove it.", key)
        if self.delisted and self.symbols != "all":
            raise wrong("it needs symbols: all; remove it, or choose all symbols.", "delisted")
        if self.of_account and self.market != "spot":
            raise wrong("what an account holds is valued by spot symbols; write market: spot.", "symbols")
        return self

    @property
    def of_account(self) -> bool:
        """Whether an account says which symbols are meant, and where their history begins that it needs."""
        return isinstance(self.symbols, AccountSymbols)


class AccountFlow(_Flow):
    """Pulls what an account holds and what it traded, with its key."""

    kind: Literal["account"] = Field(description="what the flow pulls")
    account: str = Field(description="a name under accounts")
    datasets: Annotated[Many[_AccountDataset], AfterValidator(each_of)] = Field(
        description="what to pull; trading means orders and fills, movements every ledger, all everything of an "
        "account; fills need orders, which drive them"
    )
    wallets: _Wallets = Field(
        ("spot",),
        description="whose balances, and of spot, margin, usdm and coinm whose orders and fills: all, or some of spot, "
        "funding, earn (both kinds), margin (cross and isolated, with their debts), usdm, coinm; income and positions "
        "are of both futures wallets, or of those that are written here; what the account or the key does not have is "
        "no failure",
        json_schema_extra={"default": ["spot"]},
    )
    symbols: _TradedSymbols | None = Field(
        None, description="a list of names, or traded: whatever the account ever traded; orders and fills have them"
    )
    since: Annotated[datetime, Written(written.since, r"^\d{4}-\d{2}-\d{2}")] | None = Field(
        None, description="where the ledgers begin, a date, UTC; without it, as far back as the exchange returns them"
    )
    mining: Many[Name] = Field(
        (),
        description="the names of the account's miners, whose payments mining_payments has; of SHA-256 alone",
    )
    values: _Values = Field(
        True,
        description="whether what values the account comes along: with balances the price of every spot symbol, and "
        "the daily candles of the pairs that turn its assets into USDT; {quote: EUR} for another asset",
    )
    discovery: Annotated[float, Written(written.share, r"^\d{1,3}(\.\d+)?%$")] = Field(
        0.05,
        description="share of the budget for looking again where the account has not traded yet",
        json_schema_extra={"default": "5%"},
    )

    @model_validator(mode="after")
    def _what_datasets_need(self) -> AccountFlow:
        for name in self.datasets:
            needed = DATASETS[name].needs
            if needed is not None and needed not in self.datasets:
                raise wrong(f"{name} need {needed}, which say where {name} are; add {needed} to datasets.")
        traded = [name for name in self.datasets if name in PER_SYMBOL]
        if traded and self.symbols is None:
            raise wrong(f"{traded[0]} need symbols; write symbols: traded, or a list of names.")
        if not traded and self.symbols is not None:
            names = " and ".join(PER_SYMBOL)
            raise wrong(f"only {names} use this key; add them to datasets, or remove it.", "symbols")
        if self.symbols == TRADED and (lacking := [name for name in PER_SYMBOL if name not in self.datasets]):
            name = lacking[0]
            raise wrong(f"what is traded shows in the {name}; add {name} to datasets, or list the symbols.", "symbols")
        if self.symbols != TRADED and "discovery" in self.model_fields_set:
            raise wrong("it applies only to symbols: traded; remove it.", "discovery")
        of_wallets = (*BY_WALLET, *PER_SYMBOL, *OF_FUTURES)
        if not {*of_wallets} & set(self.datasets) and "wallets" in self.model_fields_set:
            names = ", ".join(of_wallets)
            raise wrong(f"only {names} use this key; add one of these to datasets, or remove it.", "wallets")
        if not {*VALUED, *MOVING} & set(self.datasets) and "values" in self.model_fields_set:
            names = " and ".join((*VALUED, "what moves them"))
            raise wrong(f"only {names} have values; add balances to datasets, or remove it.", "values")
        return self

    @model_validator(mode="after")
    def _whose_mining(self) -> AccountFlow:
        mined = [name for name in self.datasets if name in BY_MINER]
        if mined and not self.mining:
            raise wrong(f"{mined[0]} need the names of the account's miners; write mining: [NAME].")
        if self.mining and not mined:
            raise wrong(f"only {' and '.join(BY_MINER)} use this key; add it to datasets, or remove it.", "mining")
        return self

    @model_validator(mode="after")
    def _where_it_trades(self) -> AccountFlow:
        if self.symbols is not None and not self.trading_markets:
            raise wrong(f"orders and fills are of {', '.join(TRADING)}; add one of these.", "wallets")
        words = [word for word in self.chosen_wallets if word in TRADING]
        if isinstance(self.symbols, tuple) and len(words) > 1:
            raise wrong(f"a list of names is of one of {', '.join(words)}; write traded, or one wallet.", "symbols")
        if {*self.datasets} <= {*OF_FUTURES} and not any(self.reads(self.datasets[0], one) for one in FUTURES):
            raise wrong(f"{self.datasets[0]} is of {' and '.join(FUTURES)}; add one of these.", "wallets")
        return self

    @property
    def chosen_wallets(self) -> tuple[str, ...]:
        """The wallets that are meant."""
        return self.wallets if isinstance(self.wallets, tuple) else tuple(WALLETS)

    @property
    def trading_markets(self) -> tuple[str, ...]:
        """The markets whose orders and fills are meant."""
        return tuple(market for word in self.chosen_wallets for market in TRADING.get(word, ()))

    def reads(self, dataset: str, market: str) -> bool:
        """Whether a dataset is pulled from a market."""
        if dataset in PER_SYMBOL or (dataset in OF_FUTURES and "wallets" in self.model_fields_set):
            return market in self.trading_markets
        return True

    @property
    def prices(self) -> MarketFlow | None:
        """The pull of the prices of all symbols that comes along with what has a value now."""
        valued_by = dict.fromkeys(VALUED[name] for name in self.datasets if name in VALUED)
        if not self.values or not valued_by:
            return None
        return MarketFlow.model_validate({"kind": "market", "market": "spot", "datasets": tuple(valued_by)})

    @property
    def valuation(self) -> MarketFlow | None:
        """The pull of the candles by which what the account holds and moved is valued."""
        if not self.values or not {*VALUED, *MOVING} & set(self.datasets):
            return None
        quote = {"quote": self.values.quote} if isinstance(self.values, Valuation) else {}
        return MarketFlow.model_validate(
            {"kind": "market", "market": "spot", "datasets": (with_role(Role.CANDLES).name,), "intervals": ("1d",)}
            | {"symbols": {"account": self.account, **quote}}
        )


class MaintenanceFlow(_Flow):
    """Merges small files and tidies the log of every table."""

    kind: Literal["maintenance"] = Field(description="what the flow does")


Flow = Annotated[MarketFlow | AccountFlow | MaintenanceFlow, Field(discriminator="kind")]


class FlowsFile(Part):
    """What binlake pulls, from where, and how often."""

    lake: Annotated[Path, AfterValidator(written.lake_folder)] = Field(
        Path("lake"), description="the folder of the tables, seen from this file", validate_default=True
    )
    exchange: _Exchange = Field(
        "live", description="live, testnet, simulator, or addresses of your own; plain http only on loopback"
    )
    budget: Annotated[float, Written(written.share, r"^\d{1,3}(\.\d+)?%$")] = Field(
        0.9,
        description="share of the exchange's request weight that binlake may use, such as 90%",
        json_schema_extra={"default": "90%"},
    )
    accounts: dict[Name, Account] = Field({}, description="the accounts by the name you give them")
    rates: Annotated[Path, AfterValidator(written.lake_folder)] | None = Field(
        None,
        description="a CSV file with the columns date or time, base, quote and rate, which values assets where the "
        "exchange has no pair; seen from this file",
    )
    checks: dict[str, _Severity] = Field({}, description="the severity of a check by its name, where yours is another")
    flows: dict[Name, Flow] = Field(description="the flows by the name you give them", min_length=1)

    @field_validator("checks")
    @classmethod
    def _checks_exist(cls, severities: dict[str, str]) -> dict[str, str]:
        known = check_names() if severities else ()
        for name in severities:
            if name not in known:
                raise wrong(f"there is no check {shown(name)}; {question(name, known)}DATASETS.md lists them.", name)
        return severities

    @model_validator(mode="after")
    def _accounts_exist(self) -> FlowsFile:
        for name, flow in self.flows.items():
            if isinstance(flow, AccountFlow):
                self._known(flow.account, name, "account")
            elif isinstance(flow, MarketFlow) and isinstance(flow.symbols, AccountSymbols):
                self._known(flow.symbols.account, name, "symbols", "account")
        return self

    def _known(self, account: str, flow: str, *key: str) -> None:
        if account not in self.accounts:
            sentence = f"unknown account {shown(account)}; {question(account, self.accounts)}"
            raise wrong(f"{sentence}accounts names {', '.join(self.accounts) or 'none'}.", "flows", flow, *key)


def json_schema() -> str:
    """The model as JSON Schema, for editors."""
    return json.dumps(FlowsFile.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
