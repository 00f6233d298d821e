"""What each row of a product's ledger moved, and in which wallet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at, filled
from support.tables import Tables, offending

from schemas.datasets import DATASETS
from schemas.datasets.ledgers import DIVIDENDS
from schemas.datasets.payments import REBATES
from schemas.derived.queries import lone_witnesses

Legs = list[tuple[str, str, str, str]]  # wallet, asset, amount, kind

ROWS: dict[str, tuple[str, dict[str, Any], Legs]] = {
    "fiat deposit": (
        "fiat_orders",
        {"direction": "deposit", "status": "Successful", "fiat_currency": "EUR", "amount": "9.5", "total_fee": "0.5"},
        [("spot", "EUR", "9.5", "fiat")],
    ),
    "fiat withdrawal": (
        "fiat_orders",
        {"direction": "withdrawal", "status": "Finished", "fiat_currency": "EUR", "amount": "9.5", "total_fee": "0.5"},
        [("spot", "EUR", "-9.5", "fiat"), ("spot", "EUR", "-0.5", "fee")],
    ),
    "fiat order that failed": ("fiat_orders", {"direction": "deposit", "status": "Expired"}, []),
    "fiat order of an unknown state": ("fiat_orders", {"direction": "deposit", "status": "Somewhere"}, []),
    "bought of somebody": (
        "c2c_trades",
        {
            "trade_type": "BUY", "order_status": "COMPLETED", "asset": "BUSD", "amount": "50", "commission": "0.1",
            "advertisement_role": "MAKER",
        },
        [("funding", "BUSD", "50", "c2c"), ("funding", "BUSD", "-0.1", "fee")],
    ),
    "sold to somebody": (
        "c2c_trades",
        {
            "trade_type": "SELL", "order_status": "COMPLETED", "asset": "BUSD", "amount": "50", "commission": "0.1",
            "taker_commission": "0.2", "advertisement_role": "TAKER",
        },
        [("funding", "BUSD", "-50", "c2c"), ("funding", "BUSD", "-0.2", "fee")],
    ),
    "trade in appeal": ("c2c_trades", {"trade_type": "SELL", "order_status": "IN_APPEAL"}, []),
    "payment out of two wallets": (
        "pay_transactions",
        {
            "amount": "-23", "currency": "BNB", "wallet_type": 1,
            "funds_detail": '[{"currency":"USDT","amount":"1.2","walletAssetCost":{"1":"0.7","2":"0.5"}},'
            '{"currency":"ETH","amount":"0.0001","walletAssetCost":[{"1":"0.00004"},{"2":"0.00006"}]}]',
        },
        [
            ("funding", "ETH", "-0.00004", "pay"), ("funding", "USDT", "-0.7", "pay"),
            ("spot", "ETH", "-0.00006", "pay"), ("spot", "USDT", "-0.5", "pay"),
        ],
    ),
    "payment whose details name no wallet": (
        "pay_transactions",
        {"amount": "5", "currency": "USDT", "wallet_type": 2, "funds_detail": '[{"currency":"USDT","amount":"5"}]'},
        [("spot", "USDT", "5", "pay")],
    ),
    "payment without details": (
        "pay_transactions",
        {"amount": "-4.5", "currency": "USDT", "wallet_type": None, "funds_detail": None},
        [("funding", "USDT", "-4.5", "pay")],
    ),
    "payment by card": (
        "pay_transactions", {"amount": "-4.5", "currency": "EUR", "wallet_type": 6, "funds_detail": "[]"}, [],
    ),
    "flexible subscription from two accounts": (
        "earn_subscriptions",
        {
            "product": "flexible", "status": "SUCCESS", "asset": "USDT", "amount": "100", "amt_from_spot": "30",
            "amt_from_funding": "70", "source_account": "SPOTANDFUNDING",
        },
        [("earn_flexible", "USDT", "100", "earn_in"), ("funding", "USDT", "-70", "earn_in"), ("spot", "USDT", "-30", "earn_in")],
    ),
    "locked subscription that does not say from where": (
        "earn_subscriptions", {"product": "locked", "status": "SUCCESS", "asset": "BNB", "amount": "2"},
        [("earn_locked", "BNB", "2", "earn_in"), ("spot", "BNB", "-2", "earn_in")],
    ),
    "subscription under way": ("earn_subscriptions", {"product": "locked", "status": "PURCHASING"}, []),
    "flexible redemption": (
        "earn_redemptions",
        {"product": "flexible", "status": "PAID", "asset": "USDT", "amount": "10.54", "dest_account": "FUNDING"},
        [("earn_flexible", "USDT", "-10.54", "earn_out"), ("funding", "USDT", "10.54", "earn_out")],
    ),
    "locked redemption that was early": (
        "earn_redemptions",
        {"product": "locked", "status": "PAID", "asset": "BNB", "amount": "9.9", "original_amount": "10"},
        [("earn_locked", "BNB", "-10", "earn_out"), ("spot", "BNB", "9.9", "earn_out")],
    ),
    "redemption under way": ("earn_redemptions", {"product": "flexible", "status": "CREATED"}, []),
    "reward that grows the position": (
        "earn_rewards", {"product": "flexible", "type": "REALTIME", "asset": "USDT", "amount": "0.00006408"},
        [("earn_flexible", "USDT", "0.00006408", "reward")],
    ),
    "reward that nothing else tells of": (
        "earn_rewards", {"product": "locked", "type": "Locked Rewards", "asset": "BNB", "amount": "0.5"},
        [("spot", "BNB", "0.5", "reward")],
    ),
    "coin that was staked": (
        "staking_subscriptions",
        {
            "product": "eth", "status": "SUCCESS", "asset": "ETH", "amount": "2", "distribute_asset": "WBETH",
            "distribute_amount": "1.9",
        },
        [("spot", "ETH", "-2", "stake"), ("spot", "WBETH", "1.9", "stake")],
    ),
    "coin that is being staked": ("staking_subscriptions", {"product": "eth", "status": "PENDING"}, []),
    "liquid coin given back": (
        "staking_redemptions",
        {
            "product": "sol", "status": "PENDING", "asset": "BNSOL", "amount": "2", "distribute_asset": "SOL",
            "distribute_amount": "2.1",
        },
        [("spot", "BNSOL", "-2", "unstake")],
    ),
    "coin that came back": (
        "staking_redemptions",
        {
            "product": "sol", "status": "SUCCESS", "asset": "BNSOL", "amount": "2", "distribute_asset": "SOL",
            "distribute_amount": "2.1",
        },
        [("spot", "BNSOL", "-2", "unstake"), ("spot", "SOL", "2.1", "unstake")],
    ),
    "coin that was wrapped": (
        "staking_wraps",
        {
            "direction": "wrap", "status": "SUCCESS", "from_asset": "BETH", "from_amount": "2", "to_asset": "WBETH",
            "to_amount": "1.9",
        },
        [("spot", "BETH", "-2", "convert"), ("spot", "WBETH", "1.9", "convert")],
    ),
    "growth of a liquid coin": ("staking_rewards", {"product": "eth", "amount": "0.2"}, []),
    "boost": (
        "staking_rewards", {"product": "sol_boost", "asset": "JTO", "amount": "0.2"},
        [("spot", "JTO", "0.2", "reward")],
    ),
    "reward for what lies in spot": (
        "soft_staking_rewards", {"asset": "BNB", "reward_asset": "SOL", "rewards": "0.00000557"},
        [("spot", "SOL", "0.00000557", "reward")],
    ),
    "token with a yield": (
        "yield_subscriptions",
        {
            "product": "bfusd", "status": "SUCCESS", "asset": "USDT", "amount": "100", "receive_asset": "BFUSD",
            "receive_amount": "100",
        },
        [("spot", "BFUSD", "100", "earn_in"), ("spot", "USDT", "-100", "earn_in")],
    ),
    "token given back": (
        "yield_redemptions",
        {
            "product": "bfusd", "status": "SUCCESS", "asset": "BFUSD", "amount": "51", "receive_asset": "USDT",
            "receive_amount": "50", "fee": "1",
        },
        [("spot", "BFUSD", "-51", "earn_out"), ("spot", "USDT", "50", "earn_out")],
    ),
    "reward of a token": (
        "yield_rewards", {"product": "rwusd", "reward_asset": "RWUSD", "rewards_amount": "1"},
        [("spot", "RWUSD", "1", "reward")],
    ),
    "given to a yield on a chain": (
        "earn_subscriptions", {"product": "onchain", "status": "SUCCESS", "asset": "BTC", "amount": "2"},
        [("spot", "BTC", "-2", "earn_in")],
    ),
    "came back from a yield on a chain": (
        "earn_redemptions", {"product": "onchain", "status": "PAID", "asset": "BTC", "amount": "2"},
        [("spot", "BTC", "2", "earn_out")],
    ),
    "loan": (
        "loan_borrows",
        {
            "status": "SUCCESS", "loan_coin": "USDT", "initial_loan_amount": "100", "collateral_coin": "BNB",
            "initial_collateral_amount": "2",
        },
        [
            ("loan", "BNB", "2", "transfer_in"), ("loan_debt", "USDT", "-100", "borrow"),
            ("spot", "BNB", "-2", "transfer_out"), ("spot", "USDT", "100", "borrow"),
        ],
    ),
    "loan that was refused": ("loan_borrows", {"status": "FAILED"}, []),
    "loan that was repaid": (
        "loan_repayments",
        {
            "repay_status": "REPAID", "loan_coin": "USDT", "repay_amount": "101", "collateral_coin": "BNB",
            "collateral_return": "2",
        },
        [
            ("loan", "BNB", "-2", "transfer_out"), ("loan_debt", "USDT", "101", "repay"),
            ("spot", "BNB", "2", "transfer_in"), ("spot", "USDT", "-101", "repay"),
        ],
    ),
    "more collateral": (
        "loan_adjustments", {"direction": "ADDITIONAL", "collateral_coin": "BNB", "collateral_amount": "5.235"},
        [("loan", "BNB", "5.235", "transfer_in"), ("spot", "BNB", "-5.235", "transfer_out")],
    ),
    "less collateral": (
        "loan_adjustments", {"direction": "REDUCED", "collateral_coin": "BNB", "collateral_amount": "5.235"},
        [("loan", "BNB", "-5.235", "transfer_out"), ("spot", "BNB", "5.235", "transfer_in")],
    ),
    "loan that was liquidated": (
        "loan_liquidations",
        {
            "status": "Liquidated", "loan_coin": "USDT", "liquidation_debt": "100", "collateral_coin": "BNB",
            "liquidation_collateral_amount": "2", "return_collateral_amount": "0.2",
        },
        [
            ("loan", "BNB", "-2", "liquidation"), ("loan_debt", "USDT", "100", "liquidation"),
            ("spot", "BNB", "0.2", "liquidation"),
        ],
    ),
    "came from the master": (
        "sub_transfers",
        {
            "side": "sub_in", "status": "SUCCESS", "asset": "BTC", "qty": "1", "from_account_type": "SPOT",
            "to_account_type": "USDT_FUTURE",
        },
        [("usdm", "BTC", "1", "transfer_in")],
    ),
    "went to a sub-account": (
        "sub_transfers",
        {
            "side": "master_out", "status": "SUCCESS", "asset": "BNB", "qty": "0.01",
            "from_account_type": "COIN_FUTURE", "to_account_type": "SPOT",
        },
        [("coinm", "BNB", "-0.01", "transfer_out")],
    ),
    "transfer that failed": ("sub_transfers", {"side": "sub_in", "status": "FAILURE", "qty": "1"}, []),
    "VIP loan that was repaid": (
        "vip_loan_repayments", {"repay_status": "Repaid", "loan_coin": "BUSD", "repay_amount": "100"},
        [("loan_debt", "BUSD", "100", "repay"), ("spot", "BUSD", "-100", "repay")],
    ),
    "interest of a VIP loan": (
        "vip_loan_interest", {"loan_coin": "BUSD", "interest_amount": "1.2"}, [("loan_debt", "BUSD", "-1.2", "interest")],
    ),
}  # fmt: skip


def legs(tables: Tables, dataset: str, row: Mapping[str, Any]) -> Legs:
    """What one row moved."""
    declared = DATASETS[dataset]
    decimals = {column.name for column in declared.columns if column.name in row and column.type.name == "FINE"}
    exact = {name: Decimal(value) if name in decimals and value is not None else value for name, value in row.items()}
    tables.put(declared, {**filled(declared), "gone_since": None, **exact})
    found = tables.rows(f"SELECT * FROM ledger WHERE dataset = '{dataset}' ORDER BY wallet, asset, amount")
    return [(one["wallet"], one["asset"], f"{one['amount'].normalize():f}", one["kind"]) for one in found]


@pytest.mark.parametrize(("dataset", "row", "moved"), ROWS.values(), ids=ROWS)
def test_a_row_moves_what_it_says(tables: Tables, dataset: str, row: dict[str, Any], moved: Legs) -> None:
    """Each row of a ledger changes the wallets it names, by exactly its amounts; what came to nothing moves nothing."""
    assert sorted(legs(tables, dataset, row)) == sorted(moved)


def test_a_rebate_that_dividends_tell_of_is_counted_once(tables: Tables) -> None:
    """Of three equal rebates of a day, of which the distributions tell twice, one is a movement of its own (C10)."""
    rebate = {"asset": "USDT", "type": 1, "amount": Decimal("0.5"), "gone_since": None}
    tables.put(REBATES, *({**filled(REBATES), **rebate, "ordinal": ordinal} for ordinal in (1, 2, 3)))
    told = {"asset": "USDT", "amount": Decimal("0.5"), "direction": 1, "gone_since": None}
    tables.put(DIVIDENDS, *({**filled(DIVIDENDS), **told, "dividend_id": number} for number in (1, 2)))
    assert tables.tuples("SELECT dataset, count(*) FROM ledger GROUP BY dataset ORDER BY dataset") == [
        ("dividends", 2), ("rebates", 1),
    ]  # fmt: skip


REWARDS = {name: each for name, each in ROWS.items() if each[0] in {one.dataset for one in lone_witnesses()}}


@pytest.mark.parametrize(("dataset", "row", "moved"), REWARDS.values(), ids=REWARDS)
def test_a_reward_that_the_distributions_tell_of_too_is_theirs(
    tables: Tables, dataset: str, row: dict[str, Any], moved: Legs
) -> None:
    """What a list of rewards tells of counts until the distributions have it, and is no warning."""
    paid = [leg for leg in moved if leg[0] == "spot"]
    assert [leg for leg in legs(tables, dataset, row) if leg[0] == "spot"] == paid
    assert offending(tables.check("only_witness", at("2026-02-01"))) == []
    told = [
        {"asset": asset, "amount": Decimal(amount), "direction": 1, "gone_since": None} for _, asset, amount, _ in paid
    ]
    tables.put(DIVIDENDS, *(filled(DIVIDENDS, "2026-01-01 10:00") | each for each in told))
    assert tables.tuples("SELECT dataset FROM ledger WHERE wallet = 'spot'") == [("dividends",)] * len(paid)


def test_a_distribution_is_the_partner_of_one_reward_alone(tables: Tables) -> None:
    """Two lists that each tell of an equal reward of one day tell of two, of which one distribution has but one."""
    tables.put(DIVIDENDS, {**filled(DIVIDENDS), "asset": "x", "direction": 1, "gone_since": None})
    for name in ("soft_staking_rewards", "rebates"):
        tables.put(DATASETS[name], {**filled(DATASETS[name]), "gone_since": None})
    assert tables.tuples("SELECT sum(amount) FROM ledger") == [(2,)]


def test_the_reward_without_a_distribution_is_the_one_that_counts(tables: Tables) -> None:
    """Of equal rewards ten hours apart, told of nine hours later, the one that is not told of is taken from its list."""
    reward, told = DATASETS["soft_staking_rewards"], {"direction": 1, "gone_since": None}
    times = [at("2026-01-01") + timedelta(hours=10 * number) for number in range(8)]
    tables.put(reward, *({**filled(reward, f"{time:%F %T}"), "gone_since": None} for time in times))
    paid = [filled(DIVIDENDS, f"{time + timedelta(hours=9):%F %T}") | told for time in times]
    tables.put(DIVIDENDS, *(row | {"dividend_id": number} for number, row in enumerate(paid) if number != 3))
    assert tables.tuples("SELECT time FROM ledger WHERE dataset <> 'dividends'") == [(times[3],)]


@pytest.mark.parametrize(("dataset", "row", "moved"), ROWS.values(), ids=ROWS)
def test_what_the_exchange_no_longer_returns_is_named(
    tables: Tables, dataset: str, row: dict[str, Any], moved: Legs
) -> None:
    """What a row moved that left its list is told of, and counts where the row has an id."""
    counted = legs(tables, dataset, {**row, "gone_since": "2026-01-02"})
    assert sorted(counted) == ([] if DATASETS[dataset].counted else sorted(moved))
    assert tables.tuples("SELECT count(*) FROM no_longer_returned") == [(len(moved),)]
