"""What looks like a key does not show; what is printed on purpose stays readable."""

import base64
import random
import string
import textwrap

import pytest

from schemas.model.errors import Problem
from schemas.model.redaction import without_keys

ALPHABET = string.ascii_letters + string.digits
RANDOM = random.Random(7)
API_KEYS = ["".join(RANDOM.choices(ALPHABET, k=64)) for _ in range(200)]
PRIVATE_KEYS = [base64.b64encode(RANDOM.randbytes(size)).decode() for size in (32, 48, 1200) for _ in range(60)]

READABLE = [
    "The data file /srv/Lake/klines/market=spot/symbol=BTCUSDT/month=2026-10/0123456789abcdef0123456789abcdef.parquet is damaged.",
    "its CHECKSUM names e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip",
    "data/spot/monthly/klines/1000000MOGUSDT/1m/1000000MOGUSDT-1m-2024-01.zip",
    "/fapi/v1/topLongShortAccountRatio and /sapi/v1/sub-account/universalTransfer",
    "/Users/JohnDoe/Library/Application Support/Binance1/lake/klines",
    "/home/AlIcE/MyLake2026/Q1/BTCUSDT/ETHUSDT/00000000000000000012.checkpoint.parquet",
    "enablePortfolioMarginTradingForEveryAccount",
    "3f2a9c1e-7b4d-4e1a-9f60-0c2d4b6a8e10",
    "12345678901234567890123456789012345678",
    "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision?prefix=data/spot/daily/klines/",
]


@pytest.mark.parametrize("text", READABLE, ids=lambda text: text[:30])
def test_what_is_printed_on_purpose_stays_readable(text):
    """Paths, file names, hashes, symbols, endpoints, addresses and permissions come through letter by letter."""
    assert without_keys(text) == text


@pytest.mark.parametrize("key", API_KEYS[:1] + PRIVATE_KEYS[::60], ids=len)
@pytest.mark.parametrize("around", ["{}", "'{}' is not a symbol", "/folder/{}: no such file", "x={}&y", "{}…"])
def test_a_key_is_cut_wherever_it_stands(key, around):
    """Quoted, in a path, in a query or cut already: at most its first letters are left."""
    said = without_keys(around.format(key))
    assert "…" in said
    assert not [start for start in range(4, len(key) - 8) if key[start : start + 8] in said]


def test_keys_are_cut_however_they_fell_out():
    """Of many random keys none keeps more than its first letters, whole, in upper case or cut off after 40 letters."""
    for key in API_KEYS:
        for form in (key, key.upper(), key[:40]):
            assert without_keys(form) == f"{form[:4]}…"


def test_private_keys_are_cut_line_by_line():
    """Each full line of the base64 of a private key is cut, also where slashes make it look like a path."""
    lines = [line for key in PRIVATE_KEYS for line in textwrap.wrap(key, 64) if len(line) == 64]
    assert len(lines) > 1000
    assert [line for line in lines if without_keys(line) == line] == []


def test_no_problem_tells_a_key():
    """Every error a person can cause is told without keys, wherever they were pasted."""
    key = API_KEYS[0]
    problem = Problem(f"There is no flow '{key}'.", f"Set {key}.")
    assert str(problem) == f"There is no flow '{key[:4]}…'. Set {key[:4]}…."
    assert key not in repr(problem)
