"""The parts of a line in another library's style."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from schedlang.errors import MistakeCode, Span
from schedlang.language import aliases

ROLES = ("warmup", "decay")
SHAPES = ("linear", "cosine", "poly", "sqrt", "exp")
SETTINGS = ("lr", "total", "steps_per_epoch", "samples_per_step", "tokens_per_step", "clock")
LISTS = ("at", "values", "momentum")


class Unclear(Exception):  # noqa: N818  # not an error: it means that no line is suggested
    """Raised if a text cannot be understood, even loosely."""


class Note(NamedTuple):
    """A habit of another library in a line: where it is, and the rule that it breaks."""

    span: Span
    reason: str = ""
    new: str = ""
    """The replacement, if that is all that changes."""
    message: str = ""
    """The message, if it is not that something is unexpected."""
    code: MistakeCode = "syntax"


@dataclass
class Value:
    """A number with its unit, a word, or a list of values."""

    text: str
    span: Span
    unit: str = ""
    items: list[Value] | None = None
    is_word: bool = False

    def __str__(self) -> str:
        if self.items is not None:
            return f"[{', '.join(map(str, self.items))}]{self.unit}"
        if self.unit in ("", "%", "x"):
            return self.text + self.unit
        return (
            f"{self.text}{' ' if self.text[-1].isalpha() or len(self.unit) > 2 else ''}{self.unit}"
        )

    @property
    def number(self) -> float | None:
        """The value as a number; None if it is not a plain number."""
        match = re.fullmatch(r"(-?[\d._]*(?:[eE][+-]?\d+)?)([kMBT]?)", self.text)
        if self.is_word or self.items is not None or match is None:
            return None
        return float(match[1].replace("_", "")) * {"k": 1e3, "M": 1e6, "B": 1e9}.get(match[2], 1)

    @property
    def counts(self) -> bool:
        """Whether it is a length rather than a rate or a share."""
        number = self.number
        return self.unit not in ("", "%", "x") or (number is not None and number >= 1)


class WrittenArgument(NamedTuple):
    """A value with its name, as written."""

    name: str
    value: Value
    span: Span


@dataclass
class WrittenPhase:
    """A phase as written: the meaning of its name, and its values."""

    name: str
    span: Span
    meaning: aliases.Meaning
    duration: str = ""
    """``rest`` or ``until X``."""
    values: list[Value] = field(default_factory=list)
    arguments: list[WrittenArgument] = field(default_factory=list)
    body: str = ""
    ends: float | None = None
    """The milestone at which the next phase begins."""

    @property
    def kind(self) -> str:
        """The kind of its last phase."""
        role, kind = self.meaning.phases[-1]
        return kind or ("linear" if role else "")

    @property
    def family(self) -> str:
        """The name under which its arguments are looked up."""
        return "wsd" if len(self.meaning.phases) > 2 else self.kind


@dataclass
class WrittenGroup:
    """Stages in parentheses, and how often they repeat."""

    stages: list[WrittenStage]
    times: str = ""


WrittenStage = list["WrittenPhase | WrittenGroup"]
"""Factors that are multiplied; usually one."""


def typo(name: str, names: Iterable[str]) -> str:
    """The nearest name to a misspelt one.

    Raises:
        Unclear: if none is near.
    """
    import difflib  # only an error needs it

    close = difflib.get_close_matches(name[:40].lower(), list(names), n=1)
    if not close:
        raise Unclear
    return close[0]
