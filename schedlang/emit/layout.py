"""Text that is laid out to a width: documents of lines and groups (Wadler, "A prettier printer").

A document is text, a tuple of documents one after the other, or one of the classes below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

WIDTH = 100
INDENT = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A line break if the group around it is broken, else ``flat``; None breaks every group."""

    flat: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """On one line if it fits, else with all its own lines broken."""

    doc: Doc


@dataclass(frozen=True, slots=True)
class Nest:
    """One level deeper."""

    doc: Doc


@dataclass(frozen=True, slots=True)
class IfBroken:
    """Text that is written only where the group around it is broken."""

    text: str


@dataclass(frozen=True, slots=True)
class Either:
    """The first document if its lines fit once all its groups are broken, else the second one."""

    first: Doc
    second: Doc


Doc: TypeAlias = "str | tuple[Doc, ...] | Line | Group | Nest | IfBroken | Either"

SPACE = Line(" ")
SOFT = Line("")
HARD = Line(None)


class _Part(NamedTuple):
    doc: Doc
    indent: int
    flat: bool


def render(doc: Doc, width: int = WIDTH) -> list[str]:
    """The lines of a document, at most ``width`` columns wide where that is possible."""
    lines = [""]
    parts = [_Part(doc, 0, flat=False)]
    while parts:
        part = parts.pop()
        _, indent, is_flat = part
        match part.doc:
            case str(text):
                lines[-1] += text
            case Line(flat) if is_flat and flat is not None:
                lines[-1] += flat
            case Line():
                lines.append(" " * indent)
            case Group(inner):
                flat_part = _Part(inner, indent, flat=True)
                fits = is_flat or _fits([flat_part], parts, width - len(lines[-1]))
                parts.append(flat_part if fits else _Part(inner, indent, flat=False))
            case Either(first, second):
                broken = _Part(first, indent, flat=False)
                fits = _fits([broken], parts, width - len(lines[-1]), width)
                parts.append(broken if fits else _Part(second, indent, flat=False))
            case _:
                parts += _inside(part)
    return lines


def _inside(part: _Part) -> list[_Part]:
    """What a part consists of, last part first."""
    doc, indent, flat = part
    match doc:
        case tuple():
            return [_Part(inner, indent, flat) for inner in reversed(doc)]
        case Nest(inner):
            return [_Part(inner, indent + INDENT, flat)]
        case IfBroken(text):
            return [] if flat else [_Part(text, indent, flat)]
        case Group(inner) | Either(inner):
            return [_Part(inner, indent, flat)]
        case str() | Line():
            return [part]


def _fits(parts: list[_Part], rest: Sequence[_Part], room: int, width: int | None = None) -> bool:
    """Whether the parts fit into the room, with what follows up to the next possible line break.

    With a ``width``, the lines after the first one have to fit too.
    """
    following = len(rest)
    while room >= 0:
        if not parts:
            if not following:
                return True
            following -= 1
            width = None
            parts = [rest[following]]
        part = parts.pop()
        match part.doc:
            case str(text):
                room -= len(text)
            case Line(None) if part.flat:
                return False
            case Line(str(flat)) if part.flat:
                room -= len(flat)
            case Line():
                if width is None:
                    return True
                room = width - part.indent
            case _:
                parts += _inside(part)
    return False
