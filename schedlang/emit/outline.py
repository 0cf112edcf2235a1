"""The outline of a track: its parts, without pieces that only go on holding a level."""

from __future__ import annotations

from collections.abc import Sequence

from schedlang.formula.expressions import T, symbols
from schedlang.program.program import Part, Piece, Track
from schedlang.program.program import Repeat as Rounds

__all__ = ["Part", "Rounds", "outline"]


def outline(track: Track) -> tuple[Part, ...]:
    """The parts of a track one after the other; the last one has no end."""
    return _merged(track.parts)


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Without a piece that only holds the level of the one before it."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _, Rounds(parts=inner):
                merged.append(part._replace(parts=_merged(inner)))
            case _:
                merged.append(part)
    return tuple(merged)
