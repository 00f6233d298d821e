"""What the mappings of flows.yaml are made of: known keys, lists without repeats, names, lengths and symbols."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.config import values
from schemas.config.values import Written, question, shown, wrong

_T = TypeVar("_T")


def _no_repeats(many: tuple[_T, ...]) -> tuple[_T, ...]:
    seen = set[_T]()
    for one in many:
        if one in seen:
            raise wrong(f"{shown(one)} is listed twice.")
        seen.add(one)
    return many


Many = Annotated[tuple[_T, ...], Field(min_length=1), AfterValidator(_no_repeats)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"), AfterValidator(values.not_a_key)]
Length = Annotated[timedelta, Written(values.length, "^[1-9][0-9]{0,3}[mhd]$")]
Symbol = Annotated[str, Written(values.symbol, r"^\S+$")]


class Part(BaseModel):
    """A mapping of the file: its keys are known, and what it says stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, dict) else ():
            if key not in cls.model_fields:
                valid = tuple(cls.model_fields)
                raise wrong(f"unknown key {shown(key)}; {question(key, valid)}valid: {', '.join(valid)}.", key)
        return raw
