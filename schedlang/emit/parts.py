"""The parts of a track as they are written, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schedlang.formula.expressions import ONE, T, symbols
from schedlang.program.program import Part, Piece, Program, Repeat, Track, pieces_of


def without_ones(program: Program) -> Program:
    """The program without factors that are always 1.

    What they leave behind is still a product: a phase's own numbers are shares of an entry level.
    """
    first, *factors = program.symbolic
    telling = [t for t in factors if any(piece.curve != ONE for piece in pieces_of(t.parts))]
    if len(telling) == len(factors):
        return program

    def alone(piece: Piece) -> Piece:
        known = not piece.factor or piece.kind == "hold"
        return piece if known else piece._replace(kind="product")

    return replace(program, symbolic=(first.map_pieces(alone), *telling))


def outline(track: Track) -> tuple[Part, ...]:
    """The parts of a track one after the other; the last one has no end."""
    return _merged(track.parts)


def phases(track: Track) -> list[Piece] | None:
    """The phases of a track; None if some repeat."""
    found = [part for part in outline(track) if isinstance(part, Piece)]
    return found if len(found) == len(outline(track)) else None


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Without a piece that only holds the level of the one before it."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _, Repeat(parts=inner):
                merged.append(part._replace(parts=_merged(inner)))
            case _:
                merged.append(part)
    return tuple(merged)


def heading(part: Part) -> str:
    """The comment on a part."""
    if isinstance(part, Piece):
        return part.text
    rounds = "" if part.end is None else f"{(part.end - part.begin) // part.period} "
    return f"{rounds}rounds of {part.period}"
