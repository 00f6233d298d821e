"""Lists of movements as the exchange prints them: every field of every row is stored, or speaks of somebody else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.answers import refuse_miscounted
from connectors.binance.decode import decode
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.earn import REDEMPTIONS, REWARDS, SUBSCRIPTIONS
from connectors.binance.endpoints.model import Endpoint, Inside, Windows
from connectors.binance.endpoints.payments import C2C_TRADES, FIAT_ORDERS, PAY_TRANSACTIONS, REBATES
from connectors.binance.endpoints.wallet import DEPOSITS, DIVIDENDS, TRANSFERS, WITHDRAWALS
from connectors.binance.errors import Mismatched, Unreadable
from connectors.binance.replies import rows_told, total_in
from schemas.model.dataset import ORDINAL
from schemas.model.fields import DECIMALS, EXTRA, TIME
from schemas.model.personal import WORDS

LEDGERS = [row for row in ENDPOINTS if isinstance(row.walk, Windows) and row.reshape is None]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORDED = {
    "real-account-A/api_deposit_hisrec_2023-08-18_2023-12-23.json": DEPOSITS,
    "real-account-A/api_withdraw_history_2023-04-20_2023-07-15.json": WITHDRAWALS,
    "real-account-A/api_fiat_orders_deposit.json": FIAT_ORDERS,
    "real-account-A/api_fiat_orders_withdraw.json": FIAT_ORDERS,
    "live_rows_fiat_card_2022.json": FIAT_ORDERS,
    "live_rows_pay.json": PAY_TRANSACTIONS,
}  # fmt: skip

_MINUTE_MS = 1_575_018_510_000
_TOKENS: dict[str, dict[str, Any]] = {
    "subscriptionHistory": {
        "time": _MINUTE_MS, "asset": "USDT", "amount": "100", "receiveAsset": "BFUSD", "receiveAmount": "100",
        "status": "SUCCESS",
    },
    "redemptionHistory": {
        "time": _MINUTE_MS, "asset": "BFUSD", "amount": "51", "receiveAsset": "USDT", "receiveAmount": "50", "fee": "1",
        "arrivalTime": _MINUTE_MS, "status": "SUCCESS",
    },
    "rewardsHistory": {
        "time": _MINUTE_MS, "rewardAsset": "BFUSD", "rewardsAmount": "1", "BFUSDPosition": "100",
        "annualPercentageRate": "0.0418",
    },
}  # fmt: skip
_ON_CHAIN: dict[str, dict[str, Any]] = {
    "subscriptionRecord": {
        "positionId": "123123", "purchaseId": "26055", "projectId": "Solv-60d", "clientId": "ABC", "time": _MINUTE_MS,
        "asset": "BTC", "amount": "21312.23223", "lockPeriod": "30", "type": "AUTO", "sourceAccount": "SPOT",
        "amtFromSpot": "30", "amtFromFunding": "70", "status": "SUCCESS",
    },
    "redemptionRecord": {
        "positionId": "123123", "redeemId": 40607, "time": _MINUTE_MS, "asset": "BTC", "lockPeriod": "30",
        "amount": "21312.23223", "type": "MATURE", "deliverDate": str(_MINUTE_MS), "status": "PAID",
    },
    "rewardsRecord": {
        "positionId": "123123", "time": _MINUTE_MS, "asset": "BNB", "lockPeriod": "30", "amount": "21312.23223",
    },
}  # fmt: skip
_VIP_REPAYMENT = {
    "loanCoin": "BUSD", "repayAmount": "10000", "collateralCoin": "BNB,BTC,ETH", "repayStatus": "Repaid",
    "loanDate": "1676851200000", "repayTime": str(_MINUTE_MS), "orderId": "756783308056935434",
}  # fmt: skip
_BY_TRAVEL_RULE: dict[str, list[dict[str, Any]]] = {
    "deposit": [
        {
            "trId": 123451123, "tranId": 17644346245865, "amount": "0.001", "coin": "BNB", "network": "BNB",
            "depositStatus": 0, "travelRuleStatus": 1, "address": "bnb136ns6lfw4zs5hg4n", "addressTag": "101764890",
            "txId": "98A3EA560C6B3336D348B6C8", "insertTime": _MINUTE_MS, "transferType": 0, "confirmTimes": "1/1",
            "requireQuestionnaire": False, "questionnaire": "{'question1':'answer1'}",
        }
    ],
    "withdraw": [
        {
            "id": "b6ae22b3aa844210a7041aee7589627c", "trId": 1234456, "amount": "8.91000000", "transactionFee": "0.004",
            "coin": "USDT", "withdrawalStatus": 6, "travelRuleStatus": 0, "address": "0x94df8b352de7", "txId": "0xb5ef",
            "applyTime": "2023-11-14 22:13:00", "network": "ETH", "transferType": 0, "withdrawOrderId": "WITHDRAWtest",
            "info": "", "confirmNo": 3, "walletType": 1, "txKey": "", "questionnaire": "{'question1':'answer1'}",
            "completeTime": "2023-11-14 22:14:00",
        },
        {
            "trId": 999999999, "amount": "1500", "network": "XRP", "coin": "XRP", "travelRuleStatus": 2,
            "addressTag": "1", "applyTime": _MINUTE_MS, "questionnaire": {}, "completeTime": _MINUTE_MS,
        },
    ],
}  # fmt: skip
_VIP_INTEREST = {
    "loanCoin": "USDT", "principalAmount": "10000", "interestAmount": "1.2", "annualInterestRate": "0.001273",
    "accrualTime": _MINUTE_MS, "orderId": 756783308056935400,
}  # fmt: skip
SAMPLES = (
    {
        "/sapi/v1/loan/vip/accruedInterest": {"rows": [_VIP_INTEREST], "total": 1},
        "/sapi/v1/loan/vip/repay/history": {"rows": [_VIP_REPAYMENT], "total": 1},
        **{f"/sapi/v1/localentity/{name}/history": rows for name, rows in _BY_TRAVEL_RULE.items()},
    }
    | {
        f"/sapi/v1/{token}/history/{name}": {"rows": [row], "total": 1}
        for token in ("bfusd", "rwusd")
        for name, row in _TOKENS.items()
    }
    | {f"/sapi/v1/onchain-yields/locked/history/{name}": {"rows": [row], "total": 1} for name, row in _ON_CHAIN.items()}
)  # of the documentation, where the official clients have none


def known(endpoint: Endpoint) -> dict[str, Any]:
    """What the pull knows of the rows that it asks for."""
    walk, dataset = endpoint.walked(Windows), endpoint.feeds
    of = {fan_out.column: "asked" for fan_out in walk.fan_out if not fan_out.returned}
    counted = {ORDINAL: 0} if dataset.counted else {}
    return {"account": "main", **endpoint.constants, **of, **counted, "version": 0, "gone_since": None, "seen_at": 0}


def listed(answer: Any, path: str | None) -> list[dict[str, Any]]:
    for name in path.split(".") if path else ():
        answer = answer[name]
    return list(answer)


def fields(answer: Any, endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """The fields of each row; of nested ones with those around them."""
    for row in listed(answer, endpoint.rows_at):
        if endpoint.nested is None:
            yield row
        else:
            around = {f"parent.{name}": value for name, value in row.items() if name != endpoint.nested}
            yield from ({**around, **inner} for inner in row[endpoint.nested])


def instant(printed: int | str) -> datetime:
    if isinstance(printed, str) and not printed.isdigit():
        return datetime.strptime(printed, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    number = int(printed)
    return EPOCH + (timedelta(milliseconds=number) if number >= 10**11 else timedelta(seconds=number))


def is_stored(endpoint: Endpoint, stored: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether a field of a row is in its column, to the last digit, or in `extra`, or speaks of somebody else."""
    wire = dict(endpoint.wire) if isinstance(endpoint.wire, Mapping) else {}
    names = {wire.get(column.name, camel(column.name)): column for column in endpoint.feeds.columns}
    extra = json.loads(stored["extra"] or "{}", parse_float=Decimal)
    if name in extra:
        return bool(extra[name] == value)
    if name not in names or names[name].name == "extra":
        return "@" in json.dumps(value) or any(word in name.lower() for word in WORDS)
    held = stored[names[name].name]
    if value in ("", None) or held is None:
        return bool(value in ("", None, 0, -1) and held is None)
    if names[name].type in DECIMALS:
        return bool(held == Decimal(value))
    if names[name].type is TIME:
        return bool(held == instant(value))
    return bool(json.loads(held) == value if names[name].type is EXTRA else str(held) == str(value))


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def lost(endpoint: Endpoint, answer: Any) -> list[tuple[str, Any]]:
    """The fields of an answer that are not stored."""
    stored = decode(json.dumps(answer, default=str).encode(), endpoint, known(endpoint)).to_pylist()
    printed = list(fields(answer, endpoint))
    assert len(stored) == len(printed) > 0
    return [
        (name, value)
        for row, fields_of in zip(stored, printed, strict=True)
        for name, value in fields_of.items()
        if not is_stored(endpoint, row, name, value)
    ]


@pytest.mark.parametrize("endpoint", LEDGERS, ids=lambda endpoint: endpoint.name)
def test_the_documented_answer_is_stored_whole(recorded: Path, endpoint: Endpoint) -> None:
    """The answer that the documentation gives of each list of movements loses no field."""
    samples = json.loads((recorded / "account/doc_examples_account_endpoints.json").read_text())
    assert lost(endpoint, SAMPLES.get(endpoint.path) or samples[endpoint.path]["answer"]) == []


@pytest.mark.parametrize(("name", "endpoint"), RECORDED.items(), ids=RECORDED)
def test_recorded_rows_are_stored_whole(recorded: Path, name: str, endpoint: Endpoint) -> None:
    """Rows that the exchange returned for real accounts lose no field but those that name others (D9, D10, D12)."""
    answer = json.loads((recorded / "account" / name).read_text())
    answer = (
        answer
        if "data" in answer
        else [row for rows in answer.values() for row in rows]
        if name.count("pay")
        else answer
    )
    if isinstance(answer, list) and endpoint.rows_at:
        answer = {endpoint.rows_at: answer}
    assert lost(endpoint, answer) == []


def test_the_answers_of_a_made_up_account_are_stored_whole(recorded: Path) -> None:
    """Lists of another project's tests, with rows that lack what the documentation has, lose no field either."""
    answers = json.loads((recorded / "account/synthetic-account-B/answers_by_endpoint.json").read_text())
    by_path = {endpoint.path: endpoint for endpoint in (FIAT_ORDERS, TRANSFERS, SUBSCRIPTIONS, REDEMPTIONS, REWARDS)}
    found = {name: endpoint for name in answers if (endpoint := by_path.get(name.partition("?")[0])) is not None}
    assert {*found.values()} == {*by_path.values()}
    assert {name: lost(endpoint, answers[name]) for name, endpoint in found.items()} == {name: [] for name in found}


def c2c(**more: Any) -> dict[str, Any]:
    row = {
        "orderNumber": "20219644646554779648", "advNo": "1", "tradeType": "SELL", "asset": "BUSD", "fiat": "CNY",
        "amount": "5", "totalPrice": "33", "unitPrice": "6.6", "orderStatus": "COMPLETED", "createTime": 1619361369000,
    }  # fmt: skip
    return {"code": "000000", "data": [row | more], "total": 1}


@pytest.mark.parametrize("printed", [20219644646554779648, "20219644646554779648"], ids=["number", "text"])
def test_an_id_is_kept_as_text_whichever_way_it_is_printed(printed: object) -> None:
    """An id beyond 64 bits, which one product prints as a number and another as text, is kept to the last digit."""
    (row,) = decode(
        json.dumps(c2c(orderNumber=printed, advNo=printed)).encode(), C2C_TRADES, known(C2C_TRADES)
    ).to_pylist()
    assert (row["order_number"], row["adv_no"]) == ("20219644646554779648",) * 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counterPartNickName", "ab***"),
        ("payerInfo", {"name": "Jack"}),
        ("questionnaire", '{"bnfName":"Jack"}'),
        ("receiver_info", {"name": "Alan"}),
        ("phoneNumber", "8057651210"),
        ("info", "gift of jack@example.com"),
        ("note", {"of": ["jack@example.com"]}),
    ],
)
def test_what_names_somebody_is_not_stored(name: str, value: object) -> None:
    """A field that no column knows and that speaks of another person stands nowhere; the others do (D9, D10, D12)."""
    body = json.dumps(c2c(**{name: value}, additionalKycVerify=0)).encode()
    (row,) = decode(body, C2C_TRADES, known(C2C_TRADES)).to_pylist()
    assert json.loads(row["extra"]) == {"additionalKycVerify": 0}


@pytest.mark.parametrize("body", [{"data": {"totalRecords": 0}}, {"data": {"data": None, "totalRecords": 0}}])
def test_an_empty_list_may_be_left_out(body: dict[str, Any]) -> None:
    """Where a list has no rows, the exchange leaves it out or prints null (L17)."""
    printed = json.dumps(body).encode()
    assert decode(printed, REBATES, known(REBATES)).num_rows == 0
    assert total_in(printed, "data.totalRecords") in (0, None)


@pytest.mark.parametrize("endpoint", [one for one in LEDGERS if one.rows_at], ids=lambda endpoint: endpoint.name)
def test_an_object_of_nothing_at_all_is_no_answer(endpoint: Endpoint) -> None:
    """It does not say that the list is empty, so nothing is noted from it; nor is a total read out of it."""
    with pytest.raises(Unreadable):
        decode(b"{}", endpoint, known(endpoint))
    assert total_in(b"{}", endpoint.total or "total") is None


@pytest.mark.parametrize("printed", [3, "3"], ids=["number", "text"])
def test_fewer_rows_than_the_total_are_no_answer(printed: object) -> None:
    """A list that says it has three rows and holds one is refused, by name: two are missing."""
    answer = c2c()
    body = json.dumps({**answer, "total": printed}).encode()
    rows = decode(body, C2C_TRADES, known(C2C_TRADES))
    with pytest.raises(Mismatched, match=r"listUserOrderHistory says that its list has 3 rows, and returned 1 after 0"):
        refuse_miscounted(rows, C2C_TRADES, total_in(body, "total"), {})
    refuse_miscounted(rows, C2C_TRADES, total_in(json.dumps(answer).encode(), "total"), {})


@pytest.mark.parametrize("rows", ["", '"rows":null,'])
@pytest.mark.parametrize(("total", "empty"), [("0", True), ('"0"', True), ("null", True), ("3", False), ('"3"', False)])
def test_a_list_that_is_left_out_is_empty_unless_its_total_counts_rows(rows: str, total: str, empty: bool) -> None:
    """Distributions without a list are none only where their total does not say that there are some."""
    body = f'{{{rows}"total":{total}}}'.encode()
    found = decode(body, DIVIDENDS, known(DIVIDENDS))
    assert DIVIDENDS.total is None
    if empty:
        refuse_miscounted(found, DIVIDENDS, rows_told(body, DIVIDENDS), {})
    else:
        with pytest.raises(Mismatched, match="says that its list has 3 rows, and returned 0"):
            refuse_miscounted(found, DIVIDENDS, rows_told(body, DIVIDENDS), {})


def test_a_page_past_the_end_may_leave_its_list_out() -> None:
    """Of a list whose total is not declared, the first page has its rows, and the one behind them has none."""
    paged, body = replace(TRANSFERS, total=None), b'{"total":3}'
    assert isinstance(paged.walk, Windows)
    assert paged.walk.inside is Inside.PAGES
    found = decode(body, paged, known(paged))
    refuse_miscounted(found, paged, rows_told(body, paged), {paged.walk.page: 2})
    with pytest.raises(Mismatched, match="says that its list has 3 rows, and returned 0"):
        refuse_miscounted(found, paged, rows_told(body, paged), {paged.walk.page: 1})


@pytest.mark.parametrize("endpoint", LEDGERS, ids=lambda endpoint: endpoint.name)
def test_rows_without_an_id_come_in_one_answer(endpoint: Endpoint) -> None:
    """Rows that are told apart by their count are never read page by page, where one could be counted twice."""
    dataset = endpoint.feeds
    if dataset.counted:
        assert dataset.cursor in dataset.key
        assert endpoint.walked(Windows).inside is Inside.SPLIT
