"""The outline of a track: its parts, without pieces that only go on holding a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schedlang.formula.expressions import T, symbols
from schedlang.program.program import Piece, Repeat, Track


@dataclass(frozen=True, slots=True)
class Rounds:
    """A round that repeats; its parts count from the begin of the round."""

    begin: int
    end: int | None
    period: int
    parts: tuple[Part, ...]


Part: TypeAlias = Piece | Rounds


def outline(track: Track) -> tuple[Part, ...]:
    """The parts of a track one after the other; the last one has no end."""
    return _outline(track.parts)


def _outline(parts: Sequence[Piece | Repeat]) -> tuple[Part, ...]:
    return _merged(
        [
            part
            if isinstance(part, Piece)
            else Rounds(part.begin, part.end, part.period, _outline(part.parts))
            for part in parts
        ]
    )


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Without a piece that only goes on holding what the one before it holds."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _:
                merged.append(part)
    return tuple(merged)
