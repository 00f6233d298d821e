"""Columns of an answer in their Arrow types: money exact, times within the exchange's, sentinels as NULL.

Money goes from text to decimal in Arrow; what does not fit is refused with its column, and no value passes through a
float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.answers import NOT_STORED
from connectors.binance.clock import EARLIEST_US, LATEST_US, MICROSECONDS_FROM, MILLISECONDS_FROM
from connectors.binance.endpoints.model import Endpoint, Unset, Windows
from connectors.binance.errors import Unreadable
from schemas.model.fields import DECIMALS, EXTRA, ID, TEXT, TIME, Column
from schemas.model.instants import micros

Values = Sequence[Any]

_SHOWN = 60
_TEXT_NUMBER = re.compile(r"\d*|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def exact_decimals(columns: Sequence[Column], printed: Mapping[str, Values]) -> dict[str, pa.Array[Any]]:
    """The decimals of all columns of a type, cast in one: most answers are so short that each cast costs as much.

    Nothing of a type of which some text does not fit.
    """
    exact: dict[str, pa.Array[Any]] = {}
    for kind in DECIMALS:
        names = [column.name for column in columns if column.type is kind and column.name in printed]
        if not names:
            continue
        texts = [text or None for name in names for text in printed[name]]
        try:
            whole = _exact(texts, kind.arrow)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            continue
        count = len(texts) // len(names)
        exact |= {name: whole.slice(place * count, count) for place, name in enumerate(names)}
    return exact


def array_of(column: Column, values: Values, endpoint: Endpoint, exact: pa.Array[Any] | None) -> pa.Array[Any]:
    """One column in its Arrow type, sentinels as NULL; decimals as they were cast together, where all fit."""
    array = exact if exact is not None else _typed(column, values, endpoint)
    if column.name in endpoint.unset and column.type is not TIME:
        array = _known(array, endpoint.unset[column.name])
    if array.null_count and not column.nullable:
        raise _does_not_fit(column, endpoint, "nothing")
    return array


def _known(array: pa.Array[Any], unset: Unset) -> pa.Array[Any]:
    """The values, NULL where one only means that there is none."""
    if unset is Unset.EMPTY:
        known = pc.not_equal(array, "")
    else:
        zero = pa.scalar(0, pa.int64()).cast(array.type)
        known = pc.greater_equal(array, zero) if unset is Unset.NEGATIVE else pc.greater(array, zero)
    kept: pa.Array[Any] = pc.if_else(known, array, pa.scalar(None, array.type))
    return kept


def _typed(column: Column, values: Values, endpoint: Endpoint) -> pa.Array[Any]:
    match column.type:
        case kind if kind in DECIMALS:
            return _decimals(column, values, endpoint)
        case kind if kind is TIME:
            unit_us = 1000 if column.name in endpoint.whole_ms else 1
            told = _times(column, _whole(column, _numbers(column, values, endpoint), pa.int64(), endpoint), endpoint)
            return _instants(column, told, unit_us, endpoint)
        case kind if kind is EXTRA:
            return pa.array([_compact(value) for value in values], EXTRA.arrow)
        case kind if kind is ID:
            return _whole(column, _numbers(column, values, endpoint), kind.arrow, endpoint)
        case kind if kind is TEXT and isinstance(endpoint.walk, Windows):
            texts = as_texts(values)
            return pa.array([text or None for text in texts] if column.nullable else texts, kind.arrow)
        case kind:
            return _whole(column, values, kind.arrow, endpoint)


def as_texts(values: Values) -> Values:
    """Texts, of which some are printed as numbers: an id is either, and may have more digits than ID holds."""
    return [str(value) if type(value) is int else value for value in values]


def _numbers(column: Column, values: Values, endpoint: Endpoint) -> Values:
    """Values of which some may be text: digits, a date with a time in UTC, or nothing."""
    if not any(isinstance(value, str) for value in values):
        return values
    try:
        return [_number(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        culprit = next(value for value in values if isinstance(value, str) and not _TEXT_NUMBER.fullmatch(value))
    raise _does_not_fit(column, endpoint, repr(culprit))


def _number(text: str) -> int | None:
    if text.isdigit() or not text:
        return int(text) if text else None
    return micros(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))


def _decimals(column: Column, texts: Values, endpoint: Endpoint) -> pa.Array[Any]:
    if "" in texts:
        texts = [text or None for text in texts]
    try:
        return _exact(texts, column.type.arrow)
    except pa.ArrowInvalid:
        culprit = next(text for text in texts if not _fits(text, column.type.arrow))
    raise _does_not_fit(column, endpoint, repr(culprit))


def _exact(texts: Sequence[str | None], decimal: Any) -> pa.Array[Any]:
    """Text as decimals, or an error. By way of 256 bits: straight to 128, Arrow wraps 4e30 around in silence."""
    wide = pa.decimal256(76, decimal.scale)
    return pa.array(texts, pa.string()).cast(wide).cast(decimal)


def _fits(text: str | None, decimal: Any) -> bool:
    try:
        _exact([text], decimal)
    except pa.ArrowInvalid:
        return False
    return True


def _whole(column: Column, values: Values, kind: pa.DataType, endpoint: Endpoint) -> pa.Array[Any]:
    try:
        return pa.array(values, kind)
    except OverflowError:
        culprit = max((value for value in values if value is not None), key=abs)
    raise _does_not_fit(column, endpoint, str(culprit))


def _times(column: Column, printed: pa.Array[Any], endpoint: Endpoint) -> pa.Array[Any]:
    """The times as printed. Where NULL is allowed, 0 and -1 mean that there is none, as may what is far off."""
    if not column.nullable:
        return printed
    if endpoint.unset.get(column.name) is Unset.BEYOND_2100:
        printed = pc.if_else(pc.less(printed, LATEST_US // 1000), printed, pa.scalar(None, pa.int64()))
    told: pa.Array[Any] = pc.if_else(pc.greater(printed, 0), printed, pa.scalar(None, pa.int64()))
    return told


def _instants(column: Column, printed: pa.Array[Any], unit_us: int, endpoint: Endpoint) -> pa.Array[Any]:
    """Times come in seconds, milliseconds or microseconds; their size tells which."""
    told: Any = printed.fill_null(EARLIEST_US) if printed.null_count else printed
    times = told.to_numpy()
    finer = np.where(times >= MILLISECONDS_FROM, times * 1000, times * 1_000_000)
    instants = np.where(times >= MICROSECONDS_FROM, times, finer)
    absurd = (
        (times < 0) | (instants < EARLIEST_US) | (instants >= LATEST_US)
    )  # far below zero, the product wraps around
    if absurd.any():
        raise _does_not_fit(column, endpoint, str(times[absurd][0]), "an instant from 2017-07 on, before 2100")
    unknown = printed.is_null().to_numpy(zero_copy_only=False) if printed.null_count else None
    whole: pa.Array[Any] = pa.array(instants - instants % unit_us, mask=unknown).view(TIME.arrow)
    return whole


def _does_not_fit(column: Column, endpoint: Endpoint, value: str, wanted: str = "") -> Unreadable:
    of, wanted = endpoint.feeds.name, wanted or column.type.doc
    return Unreadable(
        f"{endpoint.name} printed {value[:_SHOWN]} for {column.name} of {of}, where this is expected: {wanted}.",
        NOT_STORED,
        path=endpoint.path,
    )


def _compact(value: msgspec.Raw | None) -> str | None:
    text = "null" if value is None else msgspec.json.format(bytes(value), indent=-1).decode()
    return None if text == "null" else text
