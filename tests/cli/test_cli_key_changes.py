"""`binlake keys`: a key is added, shown, checked and rotated, and whatever is wrong with one changes nothing."""

import io
import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from support.beside import API_KEY, SECRET
from support.sampled import some_of
from support.terminals import Typist

from connectors.lake import Lake
from connectors.simulator.account.accounts import READING
from pipelines.cli import main
from pipelines.context.key_log import known_keys
from pipelines.settings.loader import load

NEW_KEY, NEW_SECRET = "n" * 64, "s" * 64
FILE = """\
# what I pull
exchange: {{spot: '{url}'}}    # mine
accounts:
  main:   # the big one
    api_key: env:KEY      # kept in the environment
    secret: env:SECRET
flows:
  wallet: {{kind: account, account: main, datasets: [balances, deposits], values: false}}
  orders:
    kind: account
    account: main
    datasets: [orders, fills]
    symbols: [BTCUSDT]   # only this one
    values: false
"""


@pytest.fixture
def config(tmp_path, served):
    """A flows.yaml with comments, and an account whose key is not set."""
    path = tmp_path / "flows.yaml"
    path.write_text(FILE.format(url=served.url))
    path.chmod(0o640)
    return path


@pytest.fixture
def typing(monkeypatch):
    """Someone who answers what is asked, line by line, over a pipe."""

    def types(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return types


@pytest.fixture
def keys(config, capsys):
    """Calls `binlake keys`; gives its exit code, and what it printed and said."""

    def keys(*words: str) -> tuple[int, str, str]:
        code = main(["keys", *words, "--config", str(config)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return keys


@pytest.fixture
def added(keys, typing, served):
    """The account's first key, added."""
    typing(API_KEY, SECRET)
    assert keys("add", "main")[0] == 0
    served.exchange.add_account(7, NEW_KEY, secret=NEW_SECRET)


def kept(folder: Path) -> set[str]:
    return {path.name for path in (folder / "keys").iterdir() if not path.name.startswith(".")}


def test_a_key_is_typed_and_used(keys, typing, config, served):
    """Typed over a pipe, it is verified, kept in private files, named in flows.yaml with all comments, and works."""
    typing(API_KEY, SECRET)
    code, _, said = keys("add", "main")
    assert (code, "of exchange account 7; permissions: enableReading." in said) == (0, True)
    expected = FILE.replace("env:KEY      ", "file:keys/main-1.key ").replace("env:SECRET", "file:keys/main-1.secret")
    assert config.read_text() == expected.format(url=served.url)
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert kept(config.parent) == {"main-1.key", "main-1.secret"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (config.parent / "keys").glob("main-*")} == {0o600}
    assert (config.parent / "keys" / ".gitignore").read_text() == "*\n"
    assert main(["run", "wallet", "--config", str(config)]) == 0


def test_what_is_typed_is_not_shown(config):
    """At a terminal, neither half of the key appears on the screen."""
    with Typist("keys", "add", "main", "--config", str(config)) as typist:
        for asked, typed in (("API key:", API_KEY), ("API secret:", SECRET)):
            typist.read_until(lambda lines, asked=asked: any(asked in line for line in lines))
            typist.type(f"{typed}\n")
        lines = typist.read_until(lambda lines: any("has key" in line for line in lines))
    assert API_KEY[:10] not in "".join(lines)
    assert SECRET[:10] not in "".join(lines)


def test_a_new_account_joins_the_others(keys, typing, config, served):
    """An account that the file does not have yet is added below the others, and told that no flow uses it."""
    served.exchange.add_account(9, NEW_KEY, secret=NEW_SECRET)
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("add", "second")
    assert (code, "No flow uses it yet" in said) == (0, True)
    assert list(load(config).accounts) == ["main", "second"]
    assert "# the big one" in config.read_text()


def test_a_pair_is_made_here(keys, typing, config, served):
    """The private key stays in its file, the public one is shown; once registered, its API key completes the account."""
    typing("")
    code, _, said = keys("add", "main", "--generate")
    assert (code, "No API key was given" in said) == (2, True)
    assert config.read_text() == FILE.format(url=served.url)
    public = said[said.index("-----BEGIN PUBLIC KEY") : said.index("1. On the exchange")]
    served.exchange.add_account(7, NEW_KEY, public_key_pem=public.strip())
    pem = (config.parent / "keys" / "main-1.pem").read_bytes()
    typing(NEW_KEY)
    code, _, said = keys("add", "main", "--generate")
    assert (code, "(Ed25519) of exchange account 7" in said) == (0, True)
    assert public.strip() in said
    assert (config.parent / "keys" / "main-1.pem").read_bytes() == pem
    load_pem_private_key(pem, None)
    assert str(load(config).accounts["main"].private_key).endswith("keys/main-1.pem")
    assert main(["run", "wallet", "--config", str(config)]) == 0


def test_a_key_kept_elsewhere_is_named(keys, config, monkeypatch):
    """Places are given as flows.yaml holds them; nothing is stored here."""
    monkeypatch.setenv("OTHER_KEY", API_KEY)
    secret = f"command: [printf, {SECRET}]"
    code, _, said = keys("add", "main", "--api-key", "env:OTHER_KEY", "--secret", secret)
    assert (code, SECRET in said) == (2, False)
    monkeypatch.setenv("OTHER_SECRET", SECRET)
    code, _, said = keys(
        "add", "main", "--api-key", "env:OTHER_KEY", "--secret", "command: [sh, -c, 'echo $OTHER_SECRET']"
    )
    assert code == 0, said
    assert kept(config.parent) == set()
    account = load(config).accounts["main"]
    assert (str(account.api_key), account.secret.words) == ("env:OTHER_KEY", ("sh", "-c", "echo $OTHER_SECRET"))


REFUSED = {
    "withdraws": ({"permissions": ("enableReading", "enableWithdrawals")}, "may withdraw"),
    "transfers": ({"permissions": ("enableReading", "permitsUniversalTransfer")}, "may transfer"),
    "trades": ({"permissions": ("enableReading", "enableSpotAndMarginTrading")}, "may trade spot"),
    "does not read": ({"permissions": ()}, "code -2015"),
    "works elsewhere": ({"addresses": ("203.0.113.7",)}, "the exchange sees it come from 127.0.0.1"),
}


@pytest.mark.parametrize("verb", ["add", "rotate"])
@pytest.mark.parametrize("case", some_of([*REFUSED, "revoked", "of another account", "not a key"], most=3))
def test_a_key_that_may_not_be_used_changes_nothing(verb, case, keys, typing, config, served):
    """Withdrawing, trading, transferring, revoked, locked to another address, of another uid: 4, and nothing is kept."""
    typing(API_KEY, SECRET)
    account = "main" if verb == "rotate" else "second"
    assert keys("add", "main")[0] == 0
    assert main(["run", "wallet", "--config", str(config)]) == 0
    (changes, says) = REFUSED.get(case, ({}, "code -2015"))
    uid = {"add": 8, "rotate": 7}[verb] if case != "of another account" else {"add": 7, "rotate": 8}[verb]
    says = {"of another account": "exchange account", "not a key": "characters that no key has"}.get(case, says)
    served.exchange.add_account(uid, NEW_KEY, secret=NEW_SECRET, permissions=READING)
    served.exchange.change_key(NEW_KEY, **changes)
    if case == "revoked":
        served.exchange.delete_key(NEW_KEY)
    before, files = config.read_text(), kept(config.parent)
    typing("not a key" if case == "not a key" else NEW_KEY, NEW_SECRET)
    code, _, said = keys(verb, account)
    assert (code, says in said) == (4, True), said
    assert (config.read_text(), kept(config.parent)) == (before, files)
    assert NEW_KEY not in said
    assert NEW_SECRET not in said


@pytest.mark.usefixtures("added")
def test_an_account_with_a_key_is_not_added_again(keys, typing):
    """`add` never takes the place of a key that works; it names the command that does."""
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("add", "main")
    assert (code, "`binlake keys rotate main`" in said) == (2, True)


@pytest.mark.usefixtures("added")
def test_a_key_is_rotated(keys, typing, config, served):
    """The new key takes its place in one step; the old one is noted as retired and named for deletion."""
    assert main(["run", "wallet", "--config", str(config)]) == 0
    keys("check")
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("rotate", "main")
    assert code == 0, said
    assert "is retired" in said
    assert f"{config.parent}/keys/main-1.secret" in said
    assert config.read_text().count("keys/main-2.") == 2
    assert kept(config.parent) == {"main-1.key", "main-1.secret", "main-2.key", "main-2.secret"}
    served.exchange.delete_key(API_KEY)
    assert main(["run", "wallet", "--config", str(config)]) == 0
    states = {row["state"] for row in known_keys(Lake.at(config.parent / "lake"), "main").values()}
    assert states == {"admitted", "retired"}
    typing(API_KEY, SECRET)
    served.exchange.add_account(7, API_KEY, secret=SECRET)
    code, _, said = keys("rotate", "main")
    assert (code, "was retired before" in said) == (4, True)
    config.write_text(FILE.format(url=served.url))
    code, _, said = keys("add", "main")
    assert (code, "was retired before" in said) == (4, True)
    assert config.read_text() == FILE.format(url=served.url)


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(("before", "after", "told"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_lost_restriction_is_told(before, after, told, keys, typing, served):
    """Whoever forgets the list of addresses for the new key hears that the old one had one."""
    for key, restricted in ((API_KEY, before), (NEW_KEY, after)):
        served.exchange.change_key(key, addresses=("127.0.0.1",) if restricted else ())
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("rotate", "main")
    assert (code, "The old key worked only from the addresses on its list." in said) == (0, told)


@pytest.mark.usefixtures("added")
def test_the_new_key_does_no_more_than_the_old_one(keys, typing, config, served):
    """Even what the account allows is not gained by a rotation."""
    config.write_text(config.read_text().replace("flows:", "    allow: [trade]\nflows:"))
    served.exchange.change_key(NEW_KEY, permissions=("enableReading", "enableSpotAndMarginTrading"))
    before = config.read_text()
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("rotate", "main")
    assert (code, "permissions that the old one has not: enableSpotAndMarginTrading" in said) == (4, True)
    assert config.read_text() == before


@pytest.mark.usefixtures("added")
def test_the_key_in_use_is_no_new_key(keys, typing):
    """Typing the old key again is noticed."""
    typing(API_KEY, SECRET)
    code, _, said = keys("rotate", "main")
    assert (code, "is the one in use" in said) == (2, True)


@pytest.mark.usefixtures("added")
def test_a_list_shows_fingerprints_only(keys, config):
    """Account, type, fingerprint and place of each key; one that cannot be read says why, and costs no other."""
    config.write_text(config.read_text().replace("  main:", "  gone: {api_key: file:no, secret: file:no}\n  main:", 1))
    code, printed, _ = keys("list", "--json")
    gone, main_key = json.loads(printed)
    assert (code, main_key["kind"], len(main_key["fingerprint"])) == (0, "HMAC", 8)
    assert "cannot be read" in gone["problem"]
    code, printed, said = keys("list")
    assert (code, API_KEY in printed + said, SECRET in printed + said) == (0, False, False)
    assert main_key["fingerprint"] in printed


@pytest.mark.usefixtures("added")
def test_a_check_tells_what_the_exchange_knows(keys, config, served):
    """Permissions with what each means, addresses, age, end of trading, last use; and what changed since the last look."""
    assert main(["run", "wallet", "--config", str(config)]) == 0
    code, printed, _ = keys("check", "--json")
    (first,) = json.loads(printed)
    assert (code, first["uid"], first["permissions"]) == (0, 7, {"enableReading": "needed"})
    assert (first["ip_restricted"], first["changes"]) == (False, [])
    assert first["created"]
    assert first["last_used"]
    until_ms = served.exchange.now_ms + 86_400_000
    more = {"permissions": ("enableReading", "enableFixReadOnly"), "trading_until_ms": until_ms}
    served.exchange.change_key(API_KEY, **more, addresses=("127.0.0.1",))
    code, printed, _ = keys("check", "main", "--json")
    (second,) = json.loads(printed)
    assert (code, second["permissions"]["enableFixReadOnly"]) == (0, "harmless")
    assert second["expires"]
    assert second["changes"] == [
        "gained enableFixReadOnly", "is restricted to addresses now", "may trade until another day",
    ]  # fmt: skip
    code, printed, _ = keys("check")
    assert (code, "needed" in printed, "gained" in printed) == (0, True, False)


@pytest.mark.usefixtures("added")
def test_a_check_shows_why_a_key_is_refused(keys, served):
    """A key that may withdraw and trade: each permission is named as refused, and the exit code is 4."""
    served.exchange.change_key(API_KEY, permissions=("enableReading", "enableWithdrawals", "enableFutures"))
    code, printed, _ = keys("check", "--json")
    (found,) = json.loads(printed)
    assert code == 4
    assert {name for name, verdict in found["permissions"].items() if verdict == "refused"} == {
        "enableWithdrawals", "enableFutures",
    }  # fmt: skip
    assert "may withdraw" in found["problem"]
    served.exchange.delete_key(API_KEY)
    code, printed, _ = keys("check", "--json")
    assert (code, "code -2015" in json.loads(printed)[0]["problem"]) == (4, True)


def test_an_unknown_account_is_told(keys):
    """A misspelt account is answered with the nearest; a name that looks like a key is not repeated."""
    code, _, said = keys("check", "mian")
    assert (code, "did you mean main?" in said) == (2, True)
    code, _, said = keys("rotate", "mian")
    assert (code, "`binlake keys add mian`" in said) == (2, True)
    code, _, said = keys("add", API_KEY)
    assert (code, API_KEY in said) == (2, False)


def test_a_wrong_passphrase_changes_nothing(keys, config, monkeypatch, tmp_path):
    """An encrypted private key that its passphrase does not open is refused with 4."""
    key, password = Ed25519PrivateKey.generate(), BestAvailableEncryption(b"right")
    (tmp_path / "own.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password))
    (tmp_path / "own.pem").chmod(0o600)
    monkeypatch.setenv("OTHER_KEY", API_KEY)
    monkeypatch.setenv("PASSPHRASE", "wrong canary")
    before = config.read_text()
    places = ("--api-key", "env:OTHER_KEY", "--private-key", "file:own.pem", "--passphrase", "env:PASSPHRASE")
    code, _, said = keys("add", "main", *places)
    assert (code, "does not open the private key" in said, "canary" in said) == (4, True, False)
    assert config.read_text() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--generate", "--secret", "env:S"), "signs in one way only"),
        (("--passphrase", "env:P"), "Give --private-key too"),
        (("--api-key", NEW_KEY), "--api-key: a key itself never stands in this file"),
        (("--secret", "[", "--api-key", "env:K"), "--secret: this is no place"),
    ],
)
def test_contradicting_options_are_refused(words, says, keys, config):
    """What cannot be meant is said before anything is asked or made."""
    before = config.read_text()
    code, _, said = keys("add", "main", *words)
    assert (code, says in said, NEW_KEY in said) == (2, True, False), said
    assert (config.read_text(), (config.parent / "keys").exists()) == (before, False)


@pytest.mark.usefixtures("added")
def test_a_key_that_was_deleted_first_is_replaced(keys, typing, config, served):
    """Whoever had to delete a stolen key at once still rotates it, by what its runs had noted; else it is added anew."""
    served.exchange.delete_key(API_KEY)
    typing(NEW_KEY, NEW_SECRET)
    code, _, said = keys("rotate", "main")
    assert (code, "binlake keys add main" in said) == (4, True)
    served.exchange.add_account(7, API_KEY, secret=SECRET)
    assert main(["run", "wallet", "--config", str(config)]) == 0
    served.exchange.delete_key(API_KEY)
    typing(NEW_KEY, NEW_SECRET)
    assert keys("rotate", "main")[0] == 0
    assert main(["run", "wallet", "--config", str(config)]) == 0
