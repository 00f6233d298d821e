"""What an endpoint is, and what it is told of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from connectors.simulator.account.accounts import Key
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import ANYTHING, Combinations, Parameter


class Security(Enum):
    """Who may call."""

    PUBLIC = "public"
    KEYED = "keyed"  # whoever has a key
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the rules: its parameters, when it came, and who asks."""

    given: Mapping[str, Any]
    now_us: int
    micro: bool
    key: Key | None = None
    lag_ms: int = 0

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    @property
    def known_ms(self) -> int:
        """Up to when the answering database knows what happened."""
        return self.now_ms - self.lag_ms

    def stamp(self, time_ms: int) -> int:
        """A time of the answer in the unit asked for."""
        return time_ms * 1000 if self.micro else time_ms


@dataclass(frozen=True)
class Endpoint:
    """`weight` is a number, or follows from the parameters as sent (decoded, not yet checked).

    A reading call may be a POST all the same; its parameters are taken from the query, as everywhere.
    """

    path: str
    weight: int | Callable[[Mapping[str, str]], int]
    parameters: tuple[Parameter, ...]
    answer: Callable[[Exchange, Call], bytes]
    security: Security = Security.PUBLIC
    pool: str = "spot"
    combinations: Combinations = ANYTHING
    method: str = "GET"
    known: dict[str, Parameter] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        signing = SIGNING if self.security is Security.SIGNED else ()
        object.__setattr__(self, "known", {each.name: each for each in (*self.parameters, *signing)})

    def cost(self, sent: Mapping[str, str]) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(sent)


SIGNING = (
    Parameter("timestamp", rules.time_ms, mandatory=True),
    Parameter("signature", rules.text, mandatory=True),
    Parameter("recvWindow", rules.recv_window),
)
