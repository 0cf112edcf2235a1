"""Computes rates a block of ticks ahead, for any number of base rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schedlang.formula.expressions import affine
from schedlang.program.program import Program, Track, pieces_of
from schedlang.torch.momentum import momenta

AFTER_JUMP = 64
"""Ticks that are computed at once after a jump: a chain jumps wherever a child begins."""
AHEAD = 4096
"""The number of ticks computed at once: few enough that the first step is fast."""
AHEAD_OF_EACH = 1024
"""The same if each group has a separate column."""


class Rates:
    """The rates of all groups, and the momentum, for a block of ticks.

    A tick has one level pair, and a group with base rate ``b`` the rate ``relative·b + absolute``.
    If all groups have the same base, their rate is the absolute part.

    Attributes:
        first: the first tick of the block.
        relative: the first number of each tick's level pair; empty if all bases are equal.
        absolute: the second number.
        rows: instead of these, the rate of every group, for schedules whose rates are not of this
            form.
        momenta: the momentum by tick, where the schedule sets it.
        moves_momentum: whether the schedule ever sets it.
    """

    def __init__(self, program: Program, bases: Sequence[float]) -> None:
        self.first = self._end = 0
        self.relative: list[float] = []
        self.absolute: list[float] = []
        self.rows: list[tuple[float, ...]] = []
        self.momenta: dict[int, float] = {}
        self.moves_momentum = program.momentum is not None
        self._program = program
        self._bases = bases
        self._split = _split(program) if len(set(bases)) > 1 else None
        self._programs = {} if self._split else {base: program.rebase(base) for base in bases}

    def at(self, tick: int) -> list[float]:
        """Each group's rate at a tick."""
        if not self.first <= tick < self._end:
            self._look_ahead(tick)
        index = tick - self.first
        if self.rows:
            return list(self.rows[index])
        relative = self.relative[index] if self.relative else 0.0
        return [relative * base + self.absolute[index] for base in self._bases]

    def _look_ahead(self, tick: int) -> None:
        ahead = AHEAD if self._split or len(self._programs) == 1 else AHEAD_OF_EACH
        last = tick + (ahead if tick == self._end > 0 else AFTER_JUMP)
        self.first, self._end = tick, last
        self.momenta = momenta(self._program, tick, last)
        if self._split:
            relative, absolute = (_product(tracks, tick, last) for tracks in self._split)
            self.relative, self.absolute = relative.tolist(), absolute.tolist()
            return
        each = {base: p.between(tick, last).tolist() for base, p in self._programs.items()}
        if len(each) == 1:
            (self.absolute,) = each.values()
        else:
            self.rows = list(zip(*(each[base] for base in self._bases), strict=True))


def _split(program: Program) -> tuple[list[Track], list[Track]] | None:
    """The tracks of the relative and of the absolute part, if the rate is affine in the base."""
    track, *shares = program.symbolic
    parts = {id(piece.curve): affine(piece.curve) for piece in pieces_of(track.parts)}
    if None in parts.values():
        return None

    def part(which: int) -> Track:
        return track.map_pieces(lambda p: p._replace(curve=(parts[id(p.curve)] or ())[which]))

    return [part(0), *shares], [part(1), *shares]


def _product(tracks: list[Track], first: int, last: int) -> NDArray[np.float64]:
    values = tracks[0].fill(first, last)
    for track in tracks[1:]:
        values *= track.fill(first, last)
    return values
