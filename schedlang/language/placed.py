"""The places of nodes of the tree and of their values in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, PrivateAttr

from schedlang.errors import Mistake, Path, Span


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of a node and of each of its values in the text.

    The places of values are tuples of integers, which Python's garbage collector does not track: a
    long line has tens of thousands of them. Two places are always equal, so nodes compare equal
    wherever they are written.
    """

    begin: int
    end: int
    values: Mapping[str, tuple[int, ...]]
    """Begin and end of a value, or of each item of a list; those of a name under ``"name="``."""

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Place)

    def __hash__(self) -> int:
        return 0

    @property
    def span(self) -> Span:
        """The whole node."""
        return Span(self.begin, self.end)

    def spans(self, name: str) -> list[Span]:
        """One span for a value, one for each item of a list; empty if it is not in the text."""
        ends = self.values.get(name, ())
        return [Span(*pair) for pair in zip(ends[::2], ends[1::2], strict=True)]

    def of(self, path: Path) -> Span:
        """The span of the node, of one of its values, or of an item of a value."""
        spans = self.spans(str(path[0])) if path else []
        match path[1:]:
            case (int(i), *_) if i < len(spans):
                return spans[i]
            case _ if spans:
                return Span(spans[0].begin, spans[-1].end)
            case _:
                return self.span


class ParsedNode(dict[str, Any]):
    """A node's dict form as the parser returns it, with its place and its own mistakes."""

    __slots__ = ("mistakes", "place")

    def __init__(self, values: dict[str, Any], place: Place) -> None:
        super().__init__(values)
        self.place = place
        self.mistakes: list[Mistake] = []


class Placed(BaseModel):
    """A node of the tree; a node parsed from a text has its place there."""

    _place: Place | None = PrivateAttr(None)


def place_of(node: object) -> Place | None:
    """The place of a node of the tree or of the dict form, if it was parsed from a text."""
    return node._place if isinstance(node, Placed) else getattr(node, "place", None)


def set_place(node: Placed, place: Place | None) -> None:
    """Set the place of the node."""
    node._place = place


def span_at(node: object, path: Path) -> Span | None:
    """The span of the value at a path of the dict form, or of the nearest enclosing node."""
    match path:
        case ("stages" | "factors" as name, int(i), *rest):
            inner: Sequence[object]
            inner = node.get(name, ()) if isinstance(node, dict) else getattr(node, name)
            if i < len(inner) and place_of(inner[i]) is not None:
                return span_at(inner[i], tuple(rest))
    place = place_of(node)
    return None if place is None else place.of(path)
