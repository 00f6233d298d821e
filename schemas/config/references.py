"""Where a secret is kept: what flows.yaml holds in its stead, one row per place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from schemas.config.values import context, placed, wrong
from schemas.model.redaction import without_keys

COMMAND = "command"  # the one place that is a mapping: its words are a list
_NAMES = {"env": r"[A-Za-z_]\w*", "file": r".+", "credential": r"\w[\w.@-]*", "keyring": r"\w[\w.@/-]*"}
FORMS = "env:NAME, file:PATH, credential:NAME, keyring:NAME or {command: [PROGRAM, WORD]}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is kept: the place and the name it has there, or the words of a command that prints it."""

    place: str
    name: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a person may be told: of a command only the program, since its other words may be anybody's."""
        return f"{self.place}:{self.name}"

    @property
    def written(self) -> str | dict[str, list[str]]:
        """As it is written in flows.yaml."""
        return {COMMAND: list(self.words)} if self.words else str(self)

    @classmethod
    def read(cls, value: object, folder: Path = Path()) -> Reference:
        """What is written in flows.yaml, whose folder relative paths start from.

        What is written there instead is never repeated: it may be the secret itself.
        """
        match value:
            case Reference():
                return value
            case str():
                place, _, name = value.partition(":")
                pattern = _NAMES.get(place)
                if pattern and re.fullmatch(pattern, name) and (place == "file" or without_keys(name) == name):
                    return cls(place, str(placed(Path(name), folder)) if place == "file" else name)
            case {"command": [*words], **others} if words and not others and all(map(_is_plain, words)):
                program = str(placed(Path(words[0]), folder)) if "/" in words[0] else words[0]
                return cls(COMMAND, program, (program, *words[1:]))
        raise wrong(f"a key itself never stands in this file; write where it is kept: {FORMS}.")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object, info: ValidationInfo) -> Reference:
            return cls.read(value, context(info, "folder", Path()))

        return core_schema.with_info_plain_validator_function(read)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        command = {"properties": {COMMAND: words}, "required": [COMMAND], "additionalProperties": False}
        return {"anyOf": [{"type": "string", "pattern": f"^({'|'.join(_NAMES)}):.+$"}, {"type": "object", **command}]}


def _is_plain(word: object) -> bool:
    """Whether a word of a command may stand in the file: it is text, without an end before its end, and no key."""
    return isinstance(word, str) and word != "" and "\0" not in word and without_keys(word) == word
