"""What calls draw on together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """Its weight a minute until the exchange tells another, and the header that says how much is used.

    `family` is the one whose host's clock turns its minutes.
    """

    name: str
    limit: int
    header: str
    family: str = "spot"


SPOT = Pool("spot", 6000, "X-MBX-USED-WEIGHT-1M")
FUTURES = Pool("futures", 2400, "X-MBX-USED-WEIGHT-1M", family="usdm")  # USD-M and COIN-M share it
# Counted by calls in five minutes, and told in no header: a fifth of them a minute can only be too careful.
FUNDING = Pool("funding", 500 // 5, "", family="usdm")
FUTURES_DATA = Pool("futures_data", 1000 // 5, "", family="usdm")


def sapi_by_ip(path: str) -> Pool:
    """Each wallet call has pools of its own; this one is counted by address."""
    return Pool(f"ip:{path}", 12_000, "X-SAPI-USED-IP-WEIGHT-1M")


def sapi_by_uid(path: str) -> Pool:
    """Counted by account. All accounts of this user share it here, which can only be too careful."""
    return Pool(f"uid:{path}", 180_000, "X-SAPI-USED-UID-WEIGHT-1M")
