"""Reading flows.yaml: YAML 1.2 into the model of `schemas.config`, and every error with its file, line and key."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from connectors.binance.sites import resolve
from pipelines.settings.markets import lacking
from schemas.config.flows import Flow, FlowsFile, MarketFlow
from schemas.config.values import question, shown
from schemas.model.errors import UsageProblem

DEFAULT_PATH = Path("flows.yaml")
MAX_BYTES = 1_000_000
MAX_NODES = 50_000  # also what a few nested aliases may unfold to
MAX_DEPTH = 20

# What pydantic's own words would not say to a person who writes YAML.
_WORDS = {
    "missing": "it is missing",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "it must be a mapping"),
    **dict.fromkeys(("list_type", "tuple_type", "frozen_set_type"), "it must be a list"),
    "string_type": "it must be text",
    "too_short": "it must not be empty",
    "int_parsing": "it must be a whole number",
    "literal_error": "it must be {expected}",
    "string_pattern_mismatch": "use letters, digits, - and _ in a name, at most 64",
    "union_tag_not_found": "kind is missing: market, account or maintenance",
    "union_tag_invalid": "'{tag}' is not a kind of flow; valid: {expected_tags}",
}

T = TypeVar("T")
_Place = tuple[str | int, ...]  # where in the file: keys and positions from the top


def load(path: Path = DEFAULT_PATH, *, now: datetime | None = None) -> FlowsFile:
    """The checked content of flows.yaml; UsageProblem says in one sentence where it is wrong and how to mend it."""
    return understood(path, _read(path), now=now)


def understood(path: Path, text: str, *, now: datetime | None = None) -> FlowsFile:
    """The checked content of a text that is in flows.yaml, or is to be written there."""
    document = _Document(path, text)
    config = _validated(document, {"folder": path.absolute().parent, "now": now or datetime.now(UTC)})
    try:
        resolve(config.exchange)
    except UsageProblem as problem:
        raise document.wrong(document.lines[("exchange",)], problem.what, problem.way_out) from None
    for name, flow in config.flows.items():
        for key, what, way_out in lacking(flow) if isinstance(flow, MarketFlow) else ():
            raise document.wrong(document.lines["flows", name, key], f"flows.{name}.{key}: {what}", way_out)
    return config


def _validated(document: _Document, context: dict[str, Any]) -> FlowsFile:
    try:
        return FlowsFile.model_validate(document.content, context=context)
    except ValidationError as error:
        problem = document.problem(error.errors(include_url=False, include_input=False))
    raise problem  # outside the handler: the error it came from holds what stands in the file


class _Document:
    """The file as mappings, lists and text, and the line each part of it stands on."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines: dict[_Place, int] = {(): 1}
        root = _compose(path, text)
        self.content = {} if root is None else self._plain(root, ())

    def _plain(self, node: Node, place: _Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if len(self.lines) > MAX_NODES or len(place) > MAX_DEPTH:
            raise self.wrong(self.lines[place], "it unfolds to more than flows can mean", "Write it out plainly.")
        if not re.fullmatch(r"tag:yaml\.org,2002:\w+", tag := node.tag or ""):
            raise self.wrong(self.lines[place], "tags are not understood", "Take the word after the ! away.")
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self._plain(each, (*place, number)) for number, each in enumerate(node.value)]
        return None if tag.endswith(":null") and node.value == "" else node.value

    def _mapping(self, node: MappingNode, place: _Place) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                raise self.wrong(line, "a key must be one word", "Quote it if it holds brackets.")
            if key.value in content:
                raise self.wrong(line, f"the key {shown(key.value)} is listed twice", "Keep one of them.")
            content[key.value] = self._plain(value, (*place, key.value))
            self.lines[(*place, key.value)] = line
        return content

    def problem(self, errors: Sequence[ErrorDetails]) -> UsageProblem:
        """The first thing that is wrong, and how many more there are."""
        (line, what), *others = sorted((self._described(error) for error in errors), key=lambda each: each[0])
        return self.wrong(line, what, f"(And {len(others)} more.)" if others else "")

    def _described(self, error: ErrorDetails) -> tuple[int, str]:
        context = error.get("ctx", {})
        place = self._place(error["loc"], context.get("below", ()))
        keys = (*place, error["loc"][-1]) if error["type"] == "missing" else place
        template = _WORDS.get(error["type"])
        words = error["msg"] if template is None else template.format_map(context)
        return self.lines[place], f"{'.'.join(map(str, keys))}: {words}" if keys else words

    def _place(self, loc: _Place, below: _Place) -> _Place:
        """The part of the file that pydantic speaks of, without its own names for the branches of a union."""
        if loc[:1] == ("flows",):
            loc = (*loc[:2], *loc[3:])  # after the name of a flow pydantic puts its kind
        place: _Place = ()
        for step in (*loc, *below):
            place = (*place, step) if (*place, step) in self.lines else place
        return place

    def wrong(self, line: int, what: str, way_out: str) -> UsageProblem:
        return UsageProblem(f"{self.path}, line {line}: {what.rstrip('. ')}.", way_out)


def _compose(path: Path, text: str) -> Node | None:
    with suppress(YAMLError):  # to be said in the words of the other parser, which is ten times as slow
        if _depth(text) <= MAX_DEPTH:  # with more, libyaml would overflow the stack
            return cast("Node | None", YAML(typ="safe").compose(text))
    try:
        return cast("Node | None", YAML(typ="safe", pure=True).compose(text))
    except RecursionError:
        raise UsageProblem(f"{path} is nested too deeply.", "Write it out plainly.") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        # A snippet of the line, or the name of an alias, might be a key put in the wrong place.
        said = (error.problem or "it cannot be read").partition(" alias '")[0]
    except YAMLError:
        raise UsageProblem(f"{path} holds characters that YAML does not allow.", "Save it as plain text.") from None
    raise UsageProblem(f"{path}, line {line}: this is not YAML: {said}.", "Check colons, quotes and indentation.")


def _depth(text: str) -> int:
    """How deep mappings and lists lie in one another."""
    steps = (
        isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        for event in YAML(typ="safe").parse(text)
    )
    return max(accumulate(steps), default=0)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageProblem(
            f"There is no {path}.", "Write one with `binlake init`, or name yours with --config."
        ) from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.", "Name another file with --config.") from None
    if len(raw) > MAX_BYTES:
        raise UsageProblem(f"{path} is larger than {MAX_BYTES:,} bytes.", "Is it the right file?")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UsageProblem(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None


def exposure(path: Path) -> str:
    """A warning when other users can change the file, which decides where keys are sent; empty otherwise."""
    file, folder = path.stat(), path.absolute().parent.stat()
    if _others_write(file) or (_others_write(folder) and not folder.st_mode & stat.S_ISVTX):
        return f"Other users can change {path}, which says where your keys are sent: chmod go-w it and its folder."
    return ""


def _others_write(status: os.stat_result) -> bool:
    """Whether more than the owner may write; a group of the owner's own number is the owner alone."""
    shared = stat.S_IWGRP if status.st_gid != status.st_uid else 0
    return bool(status.st_mode & (stat.S_IWOTH | shared))


def flow_named(config: FlowsFile, name: str) -> Flow:
    """The flow of that name; UsageProblem with the nearest one otherwise."""
    return named(config.flows, name, "flow")


def named(known: Mapping[str, T], name: str, kind: str) -> T:
    """What the file has under that name; UsageProblem with the nearest one otherwise."""
    if name not in known:
        hint = f"{question(name, known)}it has {', '.join(known) or 'none'}"
        raise UsageProblem(f"There is no {kind} {shown(name)} in the file; {hint}.")
    return known[name]
