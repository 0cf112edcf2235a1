"""Rates a block of ticks ahead, for any number of base rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schedlang.errors import ScheduleError
from schedlang.formula import Expr, affine
from schedlang.program import Program, Track
from schedlang.torch.momentum import momenta

AHEAD = 1024
"""Ticks that are computed at once: few enough that the first step comes soon."""


class Rates:
    """The level pairs ``(relative, absolute)`` of a block of ticks, and the momentum.

    A group of base rate ``b`` has the rate ``relative·b + absolute``. A schedule in which some
    rate is not of that form has, for each group, pairs of its own, whose relative part is 0.

    Attributes:
        first: the first tick of the block.
        pairs: a pair for each tick, if one fits every base rate; else empty.
        columns: the rates themselves, a list of ticks for each group, where that is not so.
        momenta: the momentum at each tick, None where the schedule leaves it alone.
    """

    def __init__(self, program: Program, bases: Sequence[float]) -> None:
        self.first = 0
        self.pairs: list[tuple[float, float]] = []
        self.columns: list[list[float]] = []
        self.momenta: list[float | None] = []
        self._program = program
        self._split = _split(program)
        self._programs = {} if self._split else {base: program.rebase(base) for base in bases}
        self._bases = bases

    def look_ahead(self, tick: int) -> None:
        """Compute the block that begins at a tick."""
        self.first, last = tick, tick + AHEAD
        self.momenta = momenta(self._program, tick, last)
        if self._split:
            relative, absolute = (_product(tracks, tick, last).tolist() for tracks in self._split)
            self.pairs = list(zip(relative, absolute, strict=True))
        else:
            each = {b: program.between(tick, last).tolist() for b, program in self._programs.items()}
            self.columns = [each[base] for base in self._bases]

    def at(self, tick: int) -> list[float]:
        """Each group's rate at a tick."""
        index = tick - self.first
        if not 0 <= index < len(self.momenta):
            self.look_ahead(tick)
            index = 0
        if self.columns:
            return [column[index] for column in self.columns]
        relative, absolute = self.pairs[index]
        return [relative * base + absolute for base in self._bases]


def _split(program: Program) -> tuple[list[Track], list[Track]] | None:
    """The tracks of the relative and of the absolute part, if the rate is affine in the base."""
    try:
        track, *shares = program.rebase(None).tracks
    except ScheduleError:  # a question that only a known base answers
        return None
    relative: list[Expr] = []
    absolute: list[Expr] = []
    for piece in track.pieces:
        parts = affine(piece.curve)
        if parts is None:
            return None
        relative.append(parts[0])
        absolute.append(parts[1])
    return [_with(track, relative), *shares], [_with(track, absolute), *shares]


def _with(track: Track, curves: list[Expr]) -> Track:
    pieces = zip(track.pieces, curves, strict=True)
    return Track(tuple(piece._replace(curve=curve) for piece, curve in pieces), track.loop)


def _product(tracks: list[Track], first: int, last: int) -> NDArray[np.float64]:
    values = tracks[0].fill(first, last)
    for track in tracks[1:]:
        values *= track.fill(first, last)
    return values
