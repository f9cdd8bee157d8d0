"""What sections of params are made of: the decorator that types a section, and the ranges of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

T = TypeVar("T")

if TYPE_CHECKING:  # type checkers know a dataclass by its decorator's own name, or by this

    @dataclass_transform(kw_only_default=True, frozen_default=True)
    def section(kind: type[T]) -> type[T]:
        """A class of params: frozen, its fields given by keyword, unknown keys refused."""

else:
    section = dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Kind = Literal["preferences", "instructions", "prompts"]
