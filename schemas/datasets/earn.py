"""What an account lent to products of simple earn and to yields on chains, and what they paid."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, FLAG, TEXT, TIME, Column

_UNSAID = "where the exchange does not say"
_PRODUCT = Column("product", TEXT, "flexible, locked or onchain")
_SOURCE = Column("project_id", TEXT, "the product, such as USDT001 or Axs*90", null=_UNSAID)
_POSITION = Column("position_id", TEXT, "the position of a locked product", null="of flexible ones")
_PERIOD = Column("lock_period", TEXT, "days, of a locked product", null="of flexible ones")

EARN_SUBSCRIPTIONS = ledger(
    "earn_subscriptions",
    "Assets given to simple earn; only those with SUCCESS moved anything.",
    _PRODUCT,
    Column("purchase_id", TEXT, "given by the exchange"),
    _SOURCE,
    _POSITION,
    ASSET,
    Column("amount", FINE, "given"),
    Column("time", TIME, "when it was given"),
    Column("type", TEXT, "NORMAL or AUTO", null=_UNSAID),
    _PERIOD,
    Column("source_account", TEXT, "SPOT, FUNDING or SPOTANDFUNDING", null=_UNSAID),
    Column("amt_from_spot", FINE, "the part from spot", null=_UNSAID),
    Column("amt_from_funding", FINE, "the part from funding", null=_UNSAID),
    Column("status", TEXT, "PURCHASING, SUCCESS or FAILED"),
    key=("purchase_id",),
    time="time",
    settles=timedelta(days=7),
    of=("product",),
    states=(States("status", ("SUCCESS",), ("PURCHASING", "FAILED")),),
)

EARN_REDEMPTIONS = ledger(
    "earn_redemptions",
    "Assets taken back from simple earn; only those with PAID or SUCCESS moved anything.",
    _PRODUCT,
    Column("redeem_id", TEXT, "given by the exchange"),
    _SOURCE,
    _POSITION,
    ASSET,
    Column("amount", FINE, "paid back"),
    Column("original_amount", FINE, "asked back, of a locked product", null="of flexible ones"),
    Column("loss_amount", FINE, "interest lost for asking early", null="of flexible ones"),
    Column("time", TIME, "when it was asked for"),
    Column("deliver_date", TIME, "when it was paid, of a locked product", null="of flexible ones"),
    Column("type", TEXT, "MATURE, NORMAL, ... of a locked product", null="of flexible ones"),
    _PERIOD,
    Column("dest_account", TEXT, "SPOT or FUNDING", null="of locked ones"),
    Column("is_complete", FLAG, "whether all of it was paid", null="of flexible ones"),
    Column("status", TEXT, "CREATED, PAID, SUCCESS or FAILED"),
    key=("redeem_id",),
    time="time",
    settles=timedelta(days=14),
    of=("product",),
    states=(States("status", ("PAID", "SUCCESS"), ("CREATED", "PENDING", "FAILED")),),
)

EARN_REWARDS = ledger(
    "earn_rewards",
    "What simple earn paid: REALTIME grows the position; others go to spot, where `dividends` may tell of them too.",
    _PRODUCT,
    Column("source_id", TEXT, "the flexible product, or the position of a locked one"),
    ASSET,
    Column("amount", FINE, "paid"),
    Column("type", TEXT, "REALTIME, BONUS, REWARDS; Locked Rewards; On-chain"),
    Column("time", TIME, "when it was paid"),
    _PERIOD,
    key=("asset", "type", "source_id", "time"),
    time="time",
    settles=timedelta(days=3),
    of=("product",),
    counted=True,
)
