"""Instants and lengths as integer microseconds, which everything counts in, and as what people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(instant_us: int) -> datetime:
    """An instant as a datetime, in UTC."""
    return _EPOCH + timedelta(microseconds=instant_us)


def iso_text(instant_us: int) -> str:
    """An instant as ISO 8601, to the second where that is all there is."""
    return moment(instant_us).isoformat().replace("+00:00", "Z")


def utc_text(instant_us: int) -> str:
    """An instant as a sentence names it, to the second."""
    return f"{moment(instant_us):%Y-%m-%d %H:%M:%S} UTC"


def length_us(length: timedelta) -> int:
    """How many microseconds a length is."""
    return length // _MICROSECOND


def wall_clock() -> int:
    """The machine's time in microseconds, for what needs no exchange time."""
    return micros(datetime.now(UTC))
