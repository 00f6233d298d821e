"""flows.yaml: what it may say, and the sentence for what it may not."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node

from pipelines.settings.loader import MAX_BYTES, load
from schemas.config.flows import (
    ACCOUNT_DATASETS,
    GROUPS,
    MARKET_DATASETS,
    AccountFlow,
    FlowsFile,
    MarketFlow,
    TopSymbols,
    json_schema,
)
from schemas.config.values import instant_or_ago, length, written_length
from schemas.model.errors import UsageProblem

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, tzinfo=UTC)

MARKET = "flows:\n  p:\n    kind: market\n    market: spot\n"
KLINES = MARKET + "    datasets: [klines]\n    symbols: [BTCUSDT]\n    intervals: [1m]\n    since: 2026-10-01\n"
PRICES = MARKET + "    datasets: [prices]\n"
ACCOUNT = "flows:\n  b:\n    kind: account\n    account: main\n    datasets: [balances]\naccounts:\n  main:\n"
HMAC = ACCOUNT + "    api_key: env:K\n    secret: env:S\n"
VALUES = (
    KLINES.replace("[BTCUSDT]", "{account: main, quote: EUR}")
    + "accounts:\n  main:\n    api_key: env:K\n    secret: env:S\n"
)
ORDERS = HMAC.replace("[balances]", "[orders, fills]")
TRADING = HMAC.replace("[balances]", "[orders, fills]\n    symbols: traded")
CANARY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y6Tw"

VALID = {
    "klines": KLINES,
    "prices alone": PRICES,
    "every day": PRICES + "    every: 1d\n",
    "futures": KLINES.replace("market: spot", "market: usdm"),
    "futures without an archive": KLINES.replace("market: spot", "market: usdm") + "    source: rest\n",
    "a cron": PRICES + '    cron: "*/5 9-17 * JAN-MAR 1-5"\n',
    "the top of a quote": KLINES.replace("[BTCUSDT]", "{quote: USDT, top: 50}"),
    "what values an account": VALUES,
    "all symbols": KLINES.replace("[BTCUSDT]", "all"),
    "an anchor and its alias": KLINES.replace("[BTCUSDT]", "&s [BTCUSDT]")
    + KLINES.replace("flows:\n  p:", "  q:").replace("[BTCUSDT]", "*s"),
    "HMAC": HMAC,
    "whatever is traded": TRADING,
    "traded, and how hard to look for it": TRADING.replace("traded", "traded\n    discovery: 2%"),
    "orders of some symbols": TRADING.replace("traded", "[BTCUSDT]").replace("orders, fills", "orders"),
    "every wallet": HMAC.replace("[balances]", "[balances]\n    wallets: all"),
    "some wallets": HMAC.replace("[balances]", "[balances]\n    wallets: [earn, usdm]"),
    "groups of datasets": HMAC.replace("[balances]", "[trading, movements]\n    symbols: traded"),
    "a PEM": ACCOUNT + "    api_key: file:~/k\n    private_key: file:main.pem\n",
    "a PEM from elsewhere": ACCOUNT + "    api_key: keyring:binance/main\n    private_key: credential:binance.pem\n",
    "an encrypted PEM": ACCOUNT
    + "    api_key: env:K\n    private_key: file:main.pem\n    passphrase: {command: [pass, show, 'binance pem']}\n",
    "a key that can trade": HMAC + "    allow: [trade]\n",
    "a key with a permission by its name": HMAC + "    allow: [enableTimeTravel, EnableCopying]\n",
    "addresses": "exchange: {spot: http://127.0.0.1:1, name: mine}\n" + PRICES,
    "JSON": '{"flows": {"p": {"kind": "market", "market": "spot", "datasets": ["prices"]}}}',
}

_VALID = {
    "market": f"valid: {', '.join(MARKET_DATASETS)}.",
    "account": f"valid: {', '.join((*ACCOUNT_DATASETS, *GROUPS))}.",
}
INVALID = {
    "empty": ("", "line 1: flows: it is missing."),
    "a list": ("- a\n", "line 1: it must be a mapping."),
    "no flows": ("flows: {}\n", "line 1: flows: it must not be empty."),
    "unknown key on top": ("lakes: x\n" + PRICES, "line 1: lakes: unknown key 'lakes'; did you mean lake? valid:"),
    "unknown key in a flow": (PRICES + "    evry: 5m\n", "line 6: flows.p.evry: unknown key 'evry'; did you mean every?"),
    "unknown key of top": (
        KLINES.replace("[BTCUSDT]", "{quote: USDT, topp: 5}"),
        "line 6: flows.p.symbols.topp: unknown key 'topp'; did you mean top?",
    ),
    "unknown kind": (PRICES.replace("kind: market", "kind: markte"), "line 2: flows.p: 'markte' is not a kind of flow; valid:"),
    "no kind": (PRICES.replace("    kind: market\n", ""), "flows.p: kind is missing: market, account or maintenance"),
    "unknown wallet": (
        HMAC.replace("[balances]", "[balances]\n    wallets: [earnn]"),
        "line 6: flows.b.wallets.0: 'earnn' is not a valid wallet; did you mean earn?",
    ),
    "a choice of wallets that is none": (
        HMAC.replace("[balances]", "[balances]\n    wallets: al"),
        "line 6: flows.b.wallets: 'al' is not a valid choice of wallets; did you mean all?",
    ),
    "income of no futures wallet": (
        HMAC.replace("[balances]", "[income]\n    wallets: [spot]"),
        "line 6: flows.b.wallets: income is of usdm and coinm; add one of these.",
    ),
    "wallets without balances": (
        HMAC.replace("[balances]", "[deposits]\n    wallets: all"),
        "line 6: flows.b.wallets: only balances, orders, fills, income, positions use this key; add one of these to datasets, or remove it.",
    ),
    "unknown market": (PRICES.replace("spot", "Spott"), "line 4: flows.p.market: 'Spott' is not a valid market; did you mean spot?"),
    "unknown dataset": (
        PRICES.replace("prices", "klnies"),
        "line 5: flows.p.datasets.0: 'klnies' is not a valid market dataset; did you mean klines? " + _VALID["market"],
    ),
    "a dataset that the market lacks": (
        KLINES.replace("[klines]", "[index_klines]"),
        "line 5: flows.p.datasets: spot has no index_klines. It has ",
    ),
    "an interval that the market lacks": (
        KLINES.replace("market: spot", "market: usdm").replace("[1m]", "[1m, 1s]"),
        "flows.p.intervals: usdm has no klines of 1s. It has 1m, 3m,",
    ),
    "prices of the archive alone": (
        KLINES.replace("[klines]", "[klines, prices]") + "    source: archive\n",
        "line 5: flows.p.datasets: the public archive has no prices of spot. Pull it in a flow of its own, or write",
    ),
    "the most traded symbols of the archive alone": (
        KLINES.replace("[BTCUSDT]", "{quote: USDT, top: 5}") + "    source: archive\n",
        "line 6: flows.p.symbols: the public archive does not say which symbols are traded most. Name them, or write",
    ),
    "the assets of an account on futures": (
        VALUES.replace("market: spot", "market: usdm"),
        "what an account holds is valued by spot symbols; write market: spot.",
    ),
    "the assets of an unknown account": (
        VALUES.replace("{account: main", "{account: mian"),
        "flows.p.symbols.account: unknown account 'mian'; did you mean main?",
    ),
    "a word for no dataset": (
        HMAC.replace("[balances]", "[balances, astrology]"),
        "line 5: flows.b.datasets.1: 'astrology' is not a valid account dataset; " + _VALID["account"],
    ),
    "fills without orders": (
        HMAC.replace("[balances]", "[fills]\n    symbols: traded"),
        "line 2: flows.b: fills need orders, which say where fills are; add orders to datasets.",
    ),
    "orders without symbols": (ORDERS, "flows.b: orders need symbols; write symbols: traded, or a list of names."),
    "symbols without orders": (
        HMAC.replace("[balances]", "[balances]\n    symbols: traded"),
        "line 6: flows.b.symbols: only orders and fills use this key; add them to datasets, or remove it.",
    ),
    "traded without fills": (
        TRADING.replace("orders, fills", "orders"),
        "flows.b.symbols: what is traded shows in the fills; add fills to datasets, or list the symbols.",
    ),
    "a wrong choice of symbols": (
        TRADING.replace("traded", "trades"),
        "line 6: flows.b.symbols: 'trades' is not a valid choice of symbols; did you mean traded? valid: traded.",
    ),
    "discovery of a list": (
        TRADING.replace("traded", "[BTCUSDT]\n    discovery: 2%"),
        "line 7: flows.b.discovery: it applies only to symbols: traded; remove it.",
    ),
    "values of what has none": (
        TRADING.replace("orders, fills", "positions").replace("symbols: traded", "values: false"),
        "flows.b.values: only balances and what moves them have values; add balances to datasets, or remove it.",
    ),
    "a quote asset that is none": (
        TRADING.replace("traded", "traded\n    values: {quote: usdt}"),
        "flows.b.values.quote: 'usdt' is not a symbol; did you mean USDT?",
    ),
    "values that are neither": (TRADING.replace("traded", "traded\n    values: EUR"), "flows.b.values: "),
    "mining without a name": (
        HMAC.replace("[balances]", "[balances, mining_payments]"),
        "flows.b: mining_payments need the names of the account's miners; write mining: [NAME].",
    ),
    "names of miners for nothing": (
        HMAC.replace("[balances]", "[balances]\n    mining: [alice]"),
        "flows.b.mining: only mining_payments use this key; add it to datasets, or remove it.",
    ),
    "a dataset that comes along": (
        TRADING.replace("fills", "fills, allocations"),
        "'allocations' is not a valid account dataset; it comes with fills; valid:",
    ),
    "dataset of the other kind": (
        PRICES.replace("prices", "balances"),
        "'balances' is not a valid market dataset; it belongs in a flow of kind account; valid:",
    ),
    "a dataset that is no list": (PRICES.replace("[prices]", "prices"), "line 5: flows.p.datasets: it must be a list."),
    "a dataset twice": (PRICES.replace("[prices]", "[prices, prices]"), "'prices' is listed twice."),
    "no dataset": (PRICES.replace("[prices]", "[]"), "flows.p.datasets: it must not be empty."),
    "unknown interval": (
        KLINES.replace("[1m]", "[1m, 60m]"),
        "line 7: flows.p.intervals.1: '60m' is not a valid interval (1m is a minute, 1M a month);",
    ),
    "an interval in the wrong case": (KLINES.replace("[1m]", "[1H]"), "'1H' is not a valid interval (1m is a minute, 1M a month); did you mean 1h?"),
    "klines without intervals": (KLINES.replace("    intervals: [1m]\n", ""), "line 2: flows.p: klines need intervals; add it."),
    "klines without since": (KLINES.replace("    since: 2026-10-01\n", ""), "flows.p: klines need since; add it."),
    "klines without symbols": (KLINES.replace("    symbols: [BTCUSDT]\n", ""), "flows.p: klines need symbols; add it."),
    "intervals without klines": (PRICES + "    intervals: [1m]\n", "line 6: flows.p.intervals: only klines, mark_klines,"),
    "since without klines": (PRICES + "    since: 2026-01-01\n", "line 6: flows.p.since: only klines, mark_klines,"),
    "since in the future": (
        KLINES.replace("2026-10-01", "2026-12-01"),
        "line 8: flows.p.since: 2026-12-01 00:00 lies in the future: now it is 2026-11-23 00:00, UTC.",
    ),
    "since that is not a date": (KLINES.replace("2026-10-01", "2026-02-30"), "flows.p.since: '2026-02-30' is not a date; write"),
    "since before all markets": (KLINES.replace("2026-10-01", "1017-01-01"), "'1017-01-01' is before any market"),
    "every that is no length": (PRICES + "    every: 5 min\n", "line 6: flows.p.every: '5 min' is not a length of time; write"),
    "every of nothing": (PRICES + "    every: 0m\n", "'0m' is not a length of time"),
    "a cron of four fields": (PRICES + '    cron: "5 * * *"\n', "line 6: flows.p.cron: '5 * * *' is not a cron line; write five"),
    "a cron out of range": (PRICES + '    cron: "61 * * * *"\n', "'61 * * * *' is not a cron line: bad minute."),
    "a cron that never comes": (PRICES + '    cron: "0 0 31 2 *"\n', "'0 0 31 2 *' is not a cron line: bad day-of-month."),
    "every and cron": (PRICES + '    every: 5m\n    cron: "5 * * * *"\n', "line 7: flows.p.cron: every and cron cannot both"),
    "a symbol in lower case": (KLINES.replace("BTCUSDT", "btcusdt"), "line 6: flows.p.symbols.0: 'btcusdt' is not a symbol; did you mean BTCUSDT?"),
    "a symbol with a space": (KLINES.replace("BTCUSDT", "'BTC USDT'"), "'BTC USDT' is not a symbol; write the exchange's name"),
    "another word for all": (KLINES.replace("[BTCUSDT]", "al"), "line 6: flows.p.symbols: 'al' is not a valid choice of symbols; did you mean all?"),
    "top of nothing": (KLINES.replace("[BTCUSDT]", "{quote: USDT, top: 0}"), "flows.p.symbols.top: Input should be greater than or equal to 1"),
    "top that is no number": (KLINES.replace("[BTCUSDT]", "{quote: USDT, top: ten}"), "flows.p.symbols.top: it must be a whole number."),
    "budget without percent": ("budget: 0.9\n" + PRICES, "line 1: budget: '0.9' is not a share; write a percentage"),
    "budget above all": ("budget: 120%\n" + PRICES, "line 1: budget: '120%' is not a share"),
    "unknown exchange": ("exchange: test\n" + PRICES, "line 1: exchange: 'test' is not a valid exchange; did you mean testnet?"),
    "unknown address": ("exchange:\n  spott: http://127.0.0.1\n" + PRICES, "line 2: exchange.spott: 'spott' is not a valid address; did you mean spot?"),
    "plain http": ("exchange: {spot: http://example.com}\n" + PRICES, "line 1: `exchange.spot` would send keys and answers unencrypted"),
    "two environments": (
        "exchange: {spot: https://api.binance.com, wallet: https://testnet.binance.vision}\n" + PRICES,
        "line 1: `exchange` mixes environments",
    ),
    "unknown account": (HMAC.replace("account: main", "account: mian"), "line 4: flows.b.account: unknown account 'mian'; did you mean main?"),
    "no key": (ACCOUNT + "    secret: env:S\n", "line 7: accounts.main.api_key: it is missing."),
    "no way to sign": (ACCOUNT + "    api_key: env:K\n", "line 7: accounts.main: an account has either secret (HMAC) or"),
    "braces": (PRICES + "    every: '{x}'\n", "flows.p.every: '{x}' is not a length of time;"),
    "an unknown place": (HMAC.replace("env:S", "vault:s"), "accounts.main.secret: a key itself never stands in this file; write"),
    "a name with a path": (HMAC.replace("env:S", "credential:../s"), "write where it is kept: env:NAME, file:PATH,"),
    "no words": (HMAC.replace("env:S", "{command: []}"), "accounts.main.secret: a key itself never stands"),
    "a command as one text": (HMAC.replace("env:S", "{command: pass show s}"), "{command: [PROGRAM, WORD]}."),
    "a passphrase of HMAC": (HMAC + "    passphrase: env:P\n", "accounts.main.passphrase: only an encrypted private_key has"),
    "two ways to sign": (HMAC + "    private_key: file:x\n", "accounts.main: an account has either secret (HMAC) or"),
    "a misspelled permission": (HMAC + "    allow: [tarde]\n", "'tarde' is not a permission to allow; did you mean trade? write trade, or"),
    "a key that can withdraw": (HMAC + "    allow: [withdraw]\n", "line 10: accounts.main.allow.0: 'withdraw' is not a permission to allow; write trade, or a name such as enableMargin."),
    "a bad name": (PRICES.replace("  p:", "  'a/b':"), "line 2: flows.a/b: use letters, digits, - and _ in a name"),
    "the same key twice": (PRICES + "    market: spot\n", "line 6: the key 'market' is listed twice. Keep one of them."),
    "no YAML": (PRICES + "    every: : 5m\n", "line 6: this is not YAML: mapping values are not allowed here. Check colons"),
    "an open bracket": ("flows: [\n", "line 2: this is not YAML"),
    "a tag": ("lake: !!python/object:os.system x\n" + PRICES, "line 1: tags are not understood."),
    "a local tag": ("lake: !env x\n" + PRICES, "line 1: tags are not understood."),
    "a key that is a list": ("? [a]\n: 1\n", "line 1: a key must be one word."),
    "itself inside itself": ("flows: &f\n  p: *f\n", "it unfolds to more than flows can mean"),
    "an alias bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcde", "bcdef", strict=True)),
        "it unfolds to more than flows can mean",
    ),
    "too deep": ("[" * 5000, "is nested too deeply"),
    "too deep by its indentation": ("- " * 5000 + "x", "is nested too deeply"),
    "control characters": ("lake: \x00\n", "holds characters that YAML does not allow"),
}  # fmt: skip


def printed(node: Node) -> object:
    """What a node holds, each part with its line."""
    value = node.value
    if isinstance(value, list):
        value = [[printed(part) for part in pair] if isinstance(pair, tuple) else printed(pair) for pair in value]
    return node.start_mark.line, node.tag, value


def written(folder: Path, text: str) -> Path:
    path = folder / "flows.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_what_the_file_may_say(text, tmp_path):
    """Every form the documentation names is accepted."""
    assert load(written(tmp_path, text), now=NOW).flows


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_the_quick_parser_reads_what_the_exact_one_reads(text):
    """What libyaml does not refuse, it reads as the same words on the same lines."""
    with suppress(YAMLError):
        assert printed(YAML(typ="safe").compose(text)) == printed(YAML(typ="safe", pure=True).compose(text))


@pytest.mark.parametrize(("text", "sentence"), INVALID.values(), ids=INVALID)
def test_what_the_file_may_not_say(text, sentence, tmp_path):
    """A mistake is one line that names the file, the line, the key, what is wrong and the nearest valid word."""
    path = written(tmp_path, text)
    with pytest.raises(UsageProblem) as caught:
        load(path, now=NOW)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        HMAC.replace("env:S", CANARY),
        HMAC.replace("env:K", CANARY),
        HMAC.replace("env:S", f"env:{CANARY}/+="),
        HMAC.replace("env:S", f"*{CANARY}"),
        HMAC.replace("env:S", f"'{CANARY}"),
        HMAC.replace("env:S", f"@{CANARY}"),
        HMAC.replace("env:S", f"{CANARY}: x"),
        HMAC.replace("env:S", f"[{CANARY}]"),
        HMAC.replace("secret: env:S", f"private_key: {CANARY}"),
        HMAC.replace("env:S", f"keyring:{CANARY}"),
        HMAC.replace("env:S", f"credential:{CANARY}"),
        HMAC.replace("env:S", f"{{command: [echo, {CANARY}]}}"),
        HMAC.replace("env:S", f"{{command: [echo], {CANARY}: x}}"),
    ],
)
def test_a_key_in_the_file_is_refused_without_repeating_it(text, tmp_path):
    """A key that somebody pasted into the file shows in no error, nor in what led to it."""
    with pytest.raises(UsageProblem) as caught:
        load(written(tmp_path, text), now=NOW)
    seen, error = "", caught.value
    while error is not None:
        seen, error = seen + repr(error) + str(error), error.__cause__ or error.__context__
    assert CANARY[:12] not in seen


def test_words_that_yaml_takes_for_something_else_stay_words(tmp_path):
    """Symbols named ON, NO, NULL or 1E3 and one that is a number survive as text."""
    text = KLINES.replace("[BTCUSDT]", "[ON, NO, 1E3, 0123, NULL, 12:30, 币安人生USDT]")
    flow = load(written(tmp_path, text), now=NOW).flows["p"]
    assert isinstance(flow, MarketFlow)
    assert flow.symbols == ("ON", "NO", "1E3", "0123", "NULL", "12:30", "币安人生USDT")


def test_values_come_as_what_they_mean(tmp_path):
    """Shares, lengths of time and instants are read once, here."""
    text = "budget: 55.5%\n" + KLINES.replace("2026-10-01", "2026-10-01T02:00:00+02:00") + "    every: 90m\n"
    config = load(written(tmp_path, text), now=NOW)
    flow = config.flows["p"]
    assert isinstance(flow, MarketFlow)
    assert (config.budget, flow.every) == (0.555, timedelta(minutes=90))
    assert flow.since == datetime(2026, 10, 1, tzinfo=UTC)
    top = load(written(tmp_path, KLINES.replace("[BTCUSDT]", "{quote: USDT, top: 5}")), now=NOW).flows["p"]
    assert isinstance(top, MarketFlow)
    assert top.symbols == TopSymbols(quote="USDT", top=5)


def test_groups_are_the_datasets_they_name(tmp_path):
    """A group of datasets means each of them once, whatever else names it; wallets are spot unless more are named."""
    text = HMAC.replace("[balances]", "[balances, deposits, GROUP]\n    symbols: traded")
    every = load(written(tmp_path, text.replace("GROUP", "all")), now=NOW).flows["b"]
    assert isinstance(every, AccountFlow)
    assert {*ACCOUNT_DATASETS} - {*every.datasets} == {
        "sub_transfers",
        "travel_rule_deposits",
        "travel_rule_withdrawals",
        "mining_payments",
        "vip_loan_interest",
        "vip_loan_repayments",
    }, "those are named"
    assert len(every.datasets) == len({*every.datasets})
    assert every.chosen_wallets == ("spot",)
    trading = load(written(tmp_path, text.replace("GROUP", "trading")), now=NOW).flows["b"]
    assert isinstance(trading, AccountFlow)
    assert trading.datasets == ("balances", "deposits", "orders", "fills")
    assert {*GROUPS["movements"]} >= {"deposits", "withdrawals", "transfers", "dust"}
    assert {*GROUPS["movements"]}.isdisjoint({"balances", *GROUPS["trading"]})
    chosen = load(
        written(tmp_path, text.replace(", GROUP]", "]\n    wallets: all").replace("    symbols: traded", "")), now=NOW
    )
    assert len(chosen.flows["b"].chosen_wallets) == 6


def test_paths_are_meant_from_the_folder_of_the_file(tmp_path, monkeypatch):
    """Where one stands when calling binlake does not decide where the lake and the keys lie."""
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    text = ACCOUNT + "    api_key: file:~/k\n    private_key: file:keys/main.pem\n"
    config = load(written(tmp_path, text), now=NOW)
    assert config.lake == tmp_path / "lake"
    assert str(config.accounts["main"].api_key) == f"file:{tmp_path}/somebody/k"
    assert str(config.accounts["main"].private_key) == f"file:{tmp_path}/keys/main.pem"
    command = text.replace("file:~/k", "{command: [bin/key, bin/key]}")
    assert load(written(tmp_path, command), now=NOW).accounts["main"].api_key.words == (
        f"{tmp_path}/bin/key",
        "bin/key",
    )


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("every: 15m", datetime(2026, 11, 23, 11, 52, tzinfo=UTC)),
        ('cron: "*/5 * * * *"', datetime(2026, 11, 23, 12, 5, tzinfo=UTC)),
        ('cron: "17 3 * * 1"', datetime(2026, 11, 23, 3, 17, tzinfo=UTC)),
    ],
)
def test_when_a_run_was_last_due(schedule, due, tmp_path):
    """A schedule says when a run should have started, which is what lateness is measured against."""
    flow = load(written(tmp_path, f"{PRICES}    {schedule}\n"), now=NOW).flows["p"]
    assert flow.last_due(datetime(2026, 11, 23, 12, 7, tzinfo=UTC)) == due


def test_files_that_are_no_configuration(tmp_path):
    """Absent, a folder, huge or binary: each is said in a sentence."""
    for content, sentence in ((b"\xff\xfe", "not UTF-8"), (b"#" * (MAX_BYTES + 1), "larger than")):
        path = tmp_path / "f"
        path.write_bytes(content)
        with pytest.raises(UsageProblem, match=sentence):
            load(path)
    with pytest.raises(UsageProblem, match="binlake init"):
        load(tmp_path / "absent")
    with pytest.raises(UsageProblem, match="cannot be read"):
        load(tmp_path)


def test_how_many_more_are_wrong(tmp_path):
    """The first mistake in the file is shown, and that there are more."""
    text = PRICES.replace("spot", "spt") + "    every: x\n    cron: y\n"
    with pytest.raises(UsageProblem, match=r"line 4: .*\(And 2 more\.\)"):
        load(written(tmp_path, text), now=NOW)


def test_every_field_is_described():
    """An editor shows for each key what it means."""
    schema = json.loads(json_schema())
    parts = [schema, *schema["$defs"].values()]
    assert not [name for part in parts for name, spec in part["properties"].items() if "description" not in spec]


def test_the_schema_for_editors_is_up_to_date():
    """schemas/flows.schema.json is the model: `python -m schemas.config.flows > schemas/flows.schema.json`."""
    assert (ROOT / "schemas" / "flows.schema.json").read_text() == json_schema()


def test_the_example_is_valid():
    """The project's own flows.yaml says what it means, with a flow of each kind."""
    config = load(ROOT / "flows.yaml", now=NOW)
    assert isinstance(config, FlowsFile)
    assert {flow.kind for flow in config.flows.values()} == {"market", "account", "maintenance"}
    assert any(isinstance(flow, AccountFlow) for flow in config.flows.values())


@pytest.mark.parametrize("written", ["1m", "59m", "2h", "25h", "3d"])
def test_lengths_of_time_are_said_as_they_are_written(written):
    """What is read from flows.yaml is shown in the same words."""
    assert written_length(length(written, None)) == written


def test_an_instant_may_be_so_long_ago():
    """`30d` is thirty days before now; a date stays what it is."""
    now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert instant_or_ago("30d", now) == datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert instant_or_ago("2026-10-01", now) == datetime(2026, 10, 1, tzinfo=UTC)
