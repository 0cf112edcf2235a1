"""The parts of a program to write: its factors, and each track's parts in order."""

from __future__ import annotations

from collections.abc import Sequence

from schedlang.formula.expressions import ONE, T, symbols
from schedlang.program.program import Part, Piece, Repeat, Track, pieces_of


def factors(tracks: Sequence[Track]) -> list[Track]:
    """The tracks to multiply, without factors that are always 1."""
    first, *others = tracks
    return [first, *(t for t in others if any(p.curve != ONE for p in pieces_of(t.parts)))]


def outline(track: Track) -> tuple[Part, ...]:
    """A track's parts in order, redundant holds merged; the last never ends."""
    return _merged(track.parts)


def phases(track: Track) -> list[Piece] | None:
    """A track's phases; None if any repeat."""
    found = [part for part in outline(track) if isinstance(part, Piece)]
    return found if len(found) == len(outline(track)) else None


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts without pieces that only hold the preceding level."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _, Repeat(parts=inner):
                merged.append(_round(part, _merged(inner)))
            case _:
                merged.append(part)
    return tuple(merged)


def _round(repeat: Repeat, parts: tuple[Part, ...]) -> Part:
    """A repeat of these parts, or a single piece if they are constant."""
    match parts:
        case (Piece(curve=curve) as piece,) if T.name not in symbols(curve):
            return piece._replace(begin=repeat.begin, end=repeat.end, kind="hold")
    return repeat._replace(parts=parts)
