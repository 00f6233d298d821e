"""flows.yaml is edited by machine: what a person wrote stays, or the file stays as it is."""

import stat
from pathlib import Path

import pytest

from pipelines.cli.init import example
from pipelines.keys.flows_file import account_of, write_account
from pipelines.settings.loader import load
from schemas.model.errors import Problem

ROOT = Path(__file__).parents[3]
MADE = {"api_key": "file:keys/main-1.key", "private_key": "file:keys/main-1.pem"}
COMMAND = {"api_key": "env:K", "private_key": {"command": ["pass", "show a b"]}, "passphrase": "keyring:main"}
SMALL = "flows: {upkeep: {kind: maintenance, every: 1d}}\n"


def written(path: Path, name: str, parts: dict) -> str:
    """What the file holds once the account has these parts."""
    config = load(path)
    account = account_of(parts, path.parent, config.accounts.get(name))
    expected = config.model_copy(update={"accounts": {**config.accounts, name: account}})
    write_account(path, path.read_bytes(), name, parts, expected)
    assert load(path) == expected
    return path.read_text()


@pytest.fixture
def path(tmp_path):
    """The flows.yaml of `binlake init`."""
    path = tmp_path / "flows.yaml"
    path.write_text(example(tmp_path, load(ROOT / "flows.yaml").flows["prices"].since.date()))
    return path


@pytest.mark.parametrize("parts", [MADE, COMMAND, {"api_key": "env:K", "secret": "credential:s"}])
def test_only_the_lines_of_the_key_change(path, parts):
    """In the file of `binlake init`, a new key changes its own lines; their comments and all other lines stay."""
    before = path.read_text().splitlines()
    after = written(path, "main", parts).splitlines()
    changed = [line.split(":")[0].strip() for line in after if line not in before]
    assert changed == list(parts)
    assert [line for line in before if line not in after] == [
        line for line in before if line.strip().startswith(("api_key:", "secret:"))
    ]
    assert sum("# HMAC. For RSA" in line for line in after) == 1


def test_from_kind_to_kind_and_back(path):
    """HMAC, an encrypted private key and HMAC again: no part of an earlier key is left behind."""
    hmac = {"api_key": "env:BINANCE_API_KEY", "secret": "env:BINANCE_API_SECRET"}
    before = path.read_text()
    for parts in (COMMAND, MADE, hmac):
        text = written(path, "main", parts)
    assert text.split() == before.split()


@pytest.mark.parametrize(
    "text", [SMALL, SMALL + "accounts: {}\n", '{"flows": {"u": {"kind": "maintenance"}}}'],
    ids=["no accounts", "none", "JSON"],
)  # fmt: skip
def test_a_first_account_is_written(tmp_path, text):
    """A file without accounts gets them."""
    path = tmp_path / "flows.yaml"
    path.write_text(text)
    written(path, "main", MADE)
    assert list(load(path).accounts) == ["main"]


def test_what_else_an_account_says_stays(tmp_path):
    """`allow` and the like belong to the account, not to its key."""
    path = tmp_path / "flows.yaml"
    path.write_text(SMALL + "accounts: {main: {api_key: env:K, allow: [trade], secret: env:S}}\n")
    written(path, "main", MADE)
    assert load(path).accounts["main"].allow == {"trade"}


def test_a_file_that_would_come_to_mean_something_else_stays(tmp_path):
    """Where two accounts share one text by an alias, the file is left alone, and the owner is told what to write."""
    path = tmp_path / "flows.yaml"
    text = SMALL + "accounts:\n  one: &key {api_key: env:A, secret: env:B}\n  two: *key\n"
    path.write_text(text)
    with pytest.raises(Problem, match=r"Write it yourself, below accounts: two: \{api_key: file:keys/main-1.key"):
        written(path, "two", MADE)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


FORMS = {
    "four blanks": "accounts:\n    main:\n        api_key: env:K   # mine\n        secret: env:S\n" + SMALL,
    "a beginning": "# mine\n---\n" + SMALL + "accounts:\n  main:\n    api_key: env:K\n    secret: env:S\n",
    "ends of DOS": ("# mine\n" + SMALL + "accounts:\n  main:\n    api_key: env:K\n    secret: env:S # x\n").replace(
        "\n", "\r\n"
    ),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_form_stays(tmp_path, text):
    """How deep lines stand, how they end and how the file begins is the owner's; all other lines stay as they are."""
    path = tmp_path / "flows.yaml"
    path.write_bytes(text.encode())
    written(path, "main", {"api_key": "env:OTHER", "secret": "env:S"})
    before, after = (each.splitlines(keepends=True) for each in (text, path.read_bytes().decode()))
    assert len(before) == len(after)
    assert [line.split()[:2] for line in after if line not in before] == [["api_key:", "env:OTHER"]]


@pytest.mark.parametrize(
    "text",
    [
        SMALL + "accounts:\n  main:\n    api_key:\tenv:K\n    secret: env:S\n",
        SMALL + "accounts:\n  2024-02-30: {api_key: env:K, secret: env:S}\n",
    ],
    ids=["a tab", "a name like a date"],
)
def test_a_file_that_cannot_be_edited_stays(tmp_path, text):
    """What the loader reads and the editor does not is left alone, with what to write by hand."""
    path = tmp_path / "flows.yaml"
    path.write_text(text)
    with pytest.raises(Problem, match="Write it yourself, below accounts: main"):
        written(path, "main", MADE)
    assert path.read_text() == text


def test_a_link_stays_a_link_and_a_mode_stays(tmp_path):
    """Whoever keeps flows.yaml elsewhere finds it there, with the mode it had; paths start from the link's folder."""
    (tmp_path / "here").mkdir()
    target, path = tmp_path / "kept.yaml", tmp_path / "here" / "flows.yaml"
    target.write_text(SMALL)
    target.chmod(0o644)
    path.symlink_to(target)
    written(path, "main", MADE)
    assert path.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert load(path).accounts["main"].api_key.name == str(tmp_path / "here" / "keys" / "main-1.key")
