"""Writing an account into flows.yaml: comments stay, and the file changes in one step or not at all."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

from connectors.lake.files.local_disk import disk_problems, draft_in, publish
from pipelines.settings.loader import understood
from schemas.config.accounts import Account
from schemas.config.flows import FlowsFile
from schemas.model.errors import Problem, UsageProblem

PARTS = ("api_key", "secret", "private_key", "passphrase")
_BEGINNING = r"(?:[#%].*\n|[ \t]*\n)*---[ \t]*(?:#.*)?\n"
_WIDEST = 4096  # lines of flows.yaml are not broken anew
Written = Mapping[str, str | dict[str, list[str]]]  # the parts of a key, as flows.yaml holds them


def account_of(written: Written, folder: Path, before: Account | None) -> Account:
    """The account with a new key; what else the file says of it stays."""
    kept = before.model_dump(exclude=set(PARTS), exclude_unset=True) if before else {}
    account = Account.model_validate(dict(written), context={"folder": folder})
    return account.model_copy(update=kept)


def write_account(flows: Path, read: bytes, name: str, written: Written, expected: FlowsFile) -> None:
    """Have flows.yaml hold these parts of an account's key.

    `read` is the file as it was read, `expected` what it must mean afterwards; else it stays as it is.
    """
    target = flows.resolve()
    text = _edited(read.decode(), name, written)
    if _meaning(flows, text) != expected:
        raise Problem(f"{flows} is written in a way that cannot be edited here.", _by_hand(name, written))
    with disk_problems(target, "flows.yaml stays as it was"), draft_in(target.parent, target.suffix) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(stat.S_IMODE(target.stat().st_mode))
        if target.read_bytes() != read:
            raise UsageProblem(f"{flows} was changed by someone else meanwhile.", "Run the same command again.")
        publish(draft, target)


def _meaning(path: Path, text: str) -> FlowsFile | None:
    try:
        return understood(path, text)
    except UsageProblem:
        return None


def _edited(text: str, name: str, written: Written) -> str:
    """The text with these parts of an account's key, its ends of lines as they were; the same text if it cannot be."""
    ends = "\r\n" if 0 < text.count("\n") == text.count("\r\n") else "\n"
    plain = text.replace("\r\n", "\n")
    begin = found[0] if (found := re.match(_BEGINNING, plain)) else ""  # of which the parser drops the comments
    out = StringIO()
    try:
        yaml = _editor(body := plain.removeprefix(begin))
        document = yaml.load(body)
        _put(document, name, written)
        yaml.dump(document, out)
    except (YAMLError, ValueError):  # the loader takes tabs, and names that look like dates, and this parser does not
        return text
    return (begin + out.getvalue()).replace("\n", ends)


def _editor(text: str) -> YAML:
    """A reader and writer of YAML that writes as the text is written."""
    _, sequence, offset = load_yaml_guess_indent(text)
    first = re.search(r"^( +)[^\s#-]", text, re.MULTILINE)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDEST
    yaml.indent(mapping=len(first[1]) if first else 2, sequence=sequence or 2, offset=offset or 0)
    return yaml


def _put(document: CommentedMap, name: str, written: Written) -> None:
    accounts = document.get("accounts")
    if not accounts:
        accounts = document["accounts"] = CommentedMap()
    account = accounts.setdefault(name, CommentedMap())
    # What changes only its value keeps its place and its comment; what is new takes both from what it replaces.
    gone = [part for part in PARTS if part in account and part not in written]
    comments = [account.ca.items.pop(part, None) for part in gone]
    for part in gone:
        del account[part]
    for place, (part, value) in enumerate(written.items()):
        if part in account:
            account[part] = _flow_style(value)
        else:
            account.insert(place, part, _flow_style(value))
    *_, last = written
    for comment in filter(None, comments):
        account.ca.items.setdefault(last, comment)


def _flow_style(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    plain = CommentedMap(value)
    plain.fa.set_flow_style()
    return plain


def _by_hand(name: str, written: Written) -> str:
    parts = ", ".join(f"{part}: {value}" for part, value in written.items())
    return f"Write it yourself, below accounts: {name}: {{{parts}}}."
