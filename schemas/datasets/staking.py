"""What an account staked, and the tokens with a yield that it holds instead."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, TEXT, TIME, Column

_SETTLED = (States("status", ("SUCCESS",), ("PENDING", "FAILED")),)
_TAKEN = (States("status", ("SUCCESS", "PENDING"), ("FAILED",)),)
_COIN = Column("product", TEXT, "eth or sol")
_TOKEN = Column("product", TEXT, "bfusd or rwusd")
_TIME = Column("time", TIME, "when it was asked for")
_ARRIVAL = Column("arrival_time", TIME, "when it was paid", null="where the exchange does not say")
_GIVEN = Column("amount", FINE, "given")
_STATUS = Column("status", TEXT, "PENDING, SUCCESS or FAILED")
_DISTRIBUTED = (
    Column("distribute_asset", TEXT, "received"),
    Column("distribute_amount", FINE, "received"),
)
_RECEIVED = (Column("receive_asset", TEXT, "received"), Column("receive_amount", FINE, "received"))

STAKING_SUBSCRIPTIONS = ledger(
    "staking_subscriptions",
    "Coins staked, and the liquid coin received for them; only those with SUCCESS moved anything.",
    _COIN,
    _TIME,
    ASSET,
    _GIVEN,
    *_DISTRIBUTED,
    _STATUS,
    key=("asset", "time"),
    time="time",
    settles=timedelta(days=7),
    of=("product",),
    counted=True,
    states=_SETTLED,
)

STAKING_REDEMPTIONS = ledger(
    "staking_redemptions",
    "Liquid coins given back, and the coin paid for them days later, once SUCCESS.",
    _COIN,
    _TIME,
    _ARRIVAL,
    ASSET,
    _GIVEN,
    *_DISTRIBUTED,
    _STATUS,
    key=("asset", "time"),
    time="time",
    settles=timedelta(days=30),
    of=("product",),
    counted=True,
    states=_TAKEN,
)

STAKING_WRAPS = ledger(
    "staking_wraps",
    "BETH made into WBETH, and back.",
    Column("direction", TEXT, "wrap or unwrap"),
    _TIME,
    Column("from_asset", TEXT, "given"),
    Column("from_amount", FINE, "given"),
    Column("to_asset", TEXT, "received"),
    Column("to_amount", FINE, "received"),
    _STATUS,
    key=("from_asset", "time"),
    time="time",
    settles=timedelta(days=7),
    of=("direction",),
    counted=True,
    states=_SETTLED,
)

STAKING_REWARDS = ledger(
    "staking_rewards",
    "What staking paid. The growth of a liquid coin is in its price and moves nothing; a boost is paid out.",
    Column("product", TEXT, "eth, sol or sol_boost"),
    Column("time", TIME, "when it was paid"),
    Column("asset", TEXT, "paid, of a boost", null="of the growth of a liquid coin"),
    Column("amount", FINE, "paid, or the growth in ETH or SOL"),
    Column("holding", FINE, "of the liquid coin"),
    Column("status", TEXT, "of a boost", null="of the growth of a liquid coin"),
    key=("time",),
    time="time",
    settles=timedelta(days=7),
    of=("product",),
    counted=True,
)

SOFT_STAKING_REWARDS = ledger(
    "soft_staking_rewards",
    "Paid for coins that lie in spot, where `dividends` may tell of it too.",
    Column("asset", TEXT, "held"),
    Column("reward_asset", TEXT, "paid"),
    Column("rewards", FINE, "paid"),
    Column("avg_amount", FINE, "held on average"),
    Column("time", TIME, "when it was paid"),
    key=("asset", "reward_asset", "time"),
    time="time",
    settles=timedelta(days=3),
    counted=True,
)

YIELD_SUBSCRIPTIONS = ledger(
    "yield_subscriptions",
    "Stablecoins given for a token with a yield; only those with SUCCESS moved anything.",
    _TOKEN,
    _TIME,
    ASSET,
    _GIVEN,
    *_RECEIVED,
    _STATUS,
    key=("asset", "time"),
    time="time",
    settles=timedelta(days=7),
    of=("product",),
    counted=True,
    states=_SETTLED,
)

YIELD_REDEMPTIONS = ledger(
    "yield_redemptions",
    "Tokens with a yield given back, and what was paid for them less a fee, once SUCCESS.",
    _TOKEN,
    _TIME,
    _ARRIVAL,
    ASSET,
    _GIVEN,
    *_RECEIVED,
    Column("fee", FINE, "which is the difference", null="where the exchange does not say"),
    _STATUS,
    key=("asset", "time"),
    time="time",
    settles=timedelta(days=14),
    of=("product",),
    counted=True,
    states=_TAKEN,
)

YIELD_REWARDS = ledger(
    "yield_rewards",
    "What tokens with a yield paid, where `dividends` may tell of it too.",
    _TOKEN,
    Column("time", TIME, "when it was paid"),
    Column("reward_asset", TEXT, "paid"),
    Column("rewards_amount", FINE, "paid"),
    key=("reward_asset", "time"),
    time="time",
    settles=timedelta(days=3),
    of=("product",),
    counted=True,
)
