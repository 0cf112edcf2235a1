"""Lays out text to a width, as documents of groups and breaks (Wadler, "A prettier printer").

A document is text, a tuple of consecutive documents, or one of the classes below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 100
INDENT = 4


@dataclass(frozen=True, slots=True)
class Break:
    """A line break if its group is broken, else ``flat``; None breaks all enclosing groups."""

    flat: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Kept on one line if it fits; otherwise, all its own breaks become line breaks."""

    doc: Doc


@dataclass(frozen=True, slots=True)
class Nest:
    """Indented one level."""

    doc: Doc


@dataclass(frozen=True, slots=True)
class IfBroken:
    """Text that appears only if its group is broken."""

    text: str


Doc: TypeAlias = "str | tuple[Doc, ...] | Break | Group | Nest | IfBroken"
_Part: TypeAlias = tuple[Doc, int, bool]  # document, indentation, whether it is flat

SPACE = Break(" ")
SOFT = Break("")
HARD = Break(None)


def render(doc: Doc, width: int = WIDTH) -> list[str]:
    """The lines of a document, at most ``width`` columns wide if possible."""
    lines = [""]
    parts: list[_Part] = [(doc, 0, False)]
    while parts:
        part, indent, is_flat = parts.pop()
        match part:
            case str():
                lines[-1] += part
            case tuple():
                parts += [(inner, indent, is_flat) for inner in reversed(part)]
            case Nest(inner):
                parts.append((inner, indent + INDENT, is_flat))
            case Group(inner):
                is_flat = is_flat or _fits(inner, parts, width - len(lines[-1]))
                parts.append((inner, indent, is_flat))
            case IfBroken(text):
                lines[-1] += "" if is_flat else text
            case Break(str(flat)) if is_flat:
                lines[-1] += flat
            case Break():
                lines.append(" " * indent)
    return lines


def _fits(doc: Doc, rest: Sequence[_Part], room: int) -> bool:
    """Whether a document and what follows, up to the next line break, fit on one line."""
    parts: list[tuple[Doc, bool]] = [(doc, True)]
    following = len(rest)
    while room >= 0:
        if not parts:
            if not following:
                return True
            following -= 1
            after, _, is_flat = rest[following]
            parts.append((after, is_flat))
        part, is_flat = parts.pop()
        match part:
            case str():
                room -= len(part)
            case tuple():
                parts += [(inner, is_flat) for inner in reversed(part)]
            case Nest(inner) | Group(inner):
                parts.append((inner, is_flat))
            case IfBroken(text):
                room -= 0 if is_flat else len(text)
            case Break(flat):
                if not is_flat:
                    return True
                if flat is None:
                    return False
                room -= len(flat)
    return False
