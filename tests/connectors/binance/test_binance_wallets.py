"""Recorded and documented answers of every wallet, as rows of balances."""

from decimal import Decimal

import pytest

from connectors.binance.decode import decode
from connectors.binance.endpoints import wallets
from connectors.binance.errors import Unreadable

SAMPLES = "endpoint-samples/JKorf-Binance.Net"
OF = {"account": "main", "observed_at": 1_793_620_830_000_000}
LEDGER = {"account": "main", "version": 0, "gone_since": None, "seen_at": 0}
ANSWERS = [
    (wallets.FUNDING, "Spot/Account/GetFundingWallet.txt"),
    (wallets.EARN_FLEXIBLE, "General/SimpleEarn/GetFlexibleProductPositions.txt"),
    (wallets.EARN_LOCKED, "General/SimpleEarn/GetLockedProductPositions.txt"),
    (wallets.MARGIN, "Spot/Account/GetMarginAccountInfo.txt"),
    (wallets.ISOLATED_MARGIN, "Spot/Account/GetIsolatedMarginAccount.txt"),
    (wallets.USDM, "UsdFutures/Account/GetBalances.txt"),
    (wallets.COINM, "CoinFutures/Account/GetBalances.txt"),
    (wallets.DAILY, "Spot/Account/GetDailySpotAccountSnapshot.txt"),
    (wallets.DAILY, "Spot/Account/GetDailyMarginAccountSnapshot.txt"),
    (wallets.DAILY, "Spot/Account/GetDailyFutureAccountSnapshot.txt"),
]


@pytest.mark.parametrize(("endpoint", "name"), ANSWERS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_documented_answer_is_held_whole(recorded, endpoint, name):
    """Each answer becomes rows, and none of its fields is lost: what no column knows stands in `extra`."""
    body = (recorded / SAMPLES / name).read_text().split("\n", 3)[3]
    known = LEDGER if endpoint is wallets.DAILY else OF | dict(endpoint.constants)
    rows = decode(body.encode(), endpoint, known)
    assert rows.num_rows
    assert rows["asset"].null_count == 0


@pytest.mark.parametrize(
    ("balance", "available", "free"),
    [("100", "90", "90"), ("100", "130", "100"), ("100", "-5", "0"), ("-7", "0", "-7"), ("0.000000000001", "0", "0")],
)
def test_what_is_free_and_locked_comes_to_the_balance(balance, available, free):
    """A futures wallet holds its balance whatever profit adds to what is available."""
    body = f'[{{"asset": "USDT", "balance": "{balance}", "availableBalance": "{available}"}}]'
    (row,) = decode(body.encode(), wallets.USDM, OF | dict(wallets.USDM.constants)).to_pylist()
    assert (row["free"], row["free"] + row["locked"]) == (Decimal(free), Decimal(balance))


@pytest.mark.parametrize("row", ['{"asset": "USDT"}', '{"asset": "USDT", "balance": 1, "availableBalance": "1"}'])
def test_an_amount_that_is_missing_or_no_text_is_refused(row):
    """Nothing is guessed: the field is named, and nothing is stored."""
    with pytest.raises(Unreadable, match="fapi/v3/balance"):
        decode(f"[{row}]".encode(), wallets.USDM, OF | dict(wallets.USDM.constants))
