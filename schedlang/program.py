"""The program: what is computed. Pieces of time with a curve each, and no trace of syntax."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from schedlang.evaluate import Function, block, function
from schedlang.formula import Expr, Number, skeleton

if TYPE_CHECKING:
    from schedlang.evaluate import Array

BLOCK = 1 << 14
"""Ticks evaluated at once, so that the arrays between the operations stay in the cache."""


_NO_FACTS: Mapping[str, Any] = {}


class Piece(NamedTuple):
    """A half-open interval of ticks with one formula.

    Attributes:
        begin: its first tick.
        end: the tick after its last one; None if it goes on for ever.
        curve: the rate (or a factor of it) over ``t = tick - begin``.
        kind: the phase it comes from.
        facts: that phase's numbers by name, levels as expressions of the base.
        text: that phase as it is written; empty for what only holds a level.
        factor: whether other tracks multiply it, so that it is no rate by itself.
    """

    begin: int
    end: int | None
    curve: Expr
    kind: str = "hold"
    facts: Mapping[str, Any] = _NO_FACTS
    text: str = ""
    factor: bool = False


class Loop(NamedTuple):
    """From ``begin`` on, every ``period`` ticks are the same again."""

    begin: int
    period: int


@dataclass(frozen=True, eq=False)
class Track:
    """Pieces without a gap from tick 0 on; the last one is open, or the loop goes round."""

    pieces: tuple[Piece, ...]
    loop: Loop | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the compiled functions, which cannot be pickled and are soon made again."""
        return {"pieces": self.pieces, "loop": self.loop}

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """The first tick of each piece."""
        return tuple(piece.begin for piece in self.pieces)

    def find(self, tick: int) -> tuple[int, int]:
        """The index of the piece, and ``t`` in it."""
        if self.loop is not None and tick >= self.loop.begin:
            tick = self.loop.begin + (tick - self.loop.begin) % self.loop.period
        index = bisect_right(self.begins, tick) - 1
        return index, tick - self.begins[index]

    def at(self, tick: int) -> float:
        """The track's value at a tick."""
        index, t = self.find(tick)
        compute, numbers = self.compiled(index)
        return compute(float(t), *numbers)

    def compiled(self, index: int) -> tuple[Function, tuple[float, ...]]:
        """A piece's formula as a function of ``t`` and its numbers, compiled once a formula."""
        found = self._compiled.get(index)
        if found is None:
            shape, numbers = skeleton(self.pieces[index].curve)
            names = ("t", *(f"c{i}" for i in range(len(numbers))))
            found = self._compiled[index] = function(shape, names), numbers
        return found

    @cached_property
    def _compiled(self) -> dict[int, tuple[Function, tuple[float, ...]]]:
        return {}

    def fill(self, first: int, last: int) -> Array:
        """The values of the ticks ``first, …, last - 1``."""
        import numpy as np

        values = np.empty(max(0, last - first))
        with np.errstate(all="ignore"):
            for begin, end, piece, t in self._stretches(first, last):
                if isinstance(piece.curve, Number):
                    values[begin - first : end - first] = piece.curve.value
                    continue
                for i in range(begin, end, BLOCK):
                    j = min(i + BLOCK, end)
                    ticks = np.arange(t + i - begin, t + j - begin, dtype=np.float64)
                    values[i - first : j - first] = block(piece.curve, {"t": ticks})
        return values

    def _stretches(self, first: int, last: int) -> Iterator[tuple[int, int, Piece, int]]:
        """The parts of the pieces between two ticks: ``(begin, end, piece, t at begin)``."""
        tick = first
        while tick < last:
            index, t = self.find(tick)
            piece = self.pieces[index]
            length = last - tick
            if piece.end is not None:
                length = min(length, piece.end - piece.begin - t)
            if self.loop is not None:  # an open piece, or one that reaches into the loop's end
                left = self.loop.begin + self.loop.period - piece.begin - t
                length = min(length, left) if piece.end is None or left > 0 else length
            yield tick, tick + length, piece, t
            tick += length


@dataclass(frozen=True, eq=False)
class Program:
    """A bound schedule: the rate as a pure function of the tick.

    Attributes:
        tracks: timelines that are multiplied; the first one has the levels.
        momentum: the momentum's timeline, which begins with the first phase that moves it.
        plateau: the numbers of the closing `plateau`, if there is one, and its first tick.
        length: the ticks until the end level, or None if it never ends.
        base: the base rate; None in a program over the symbol ``base``.
        tick: what one tick is; None if it is whatever the caller steps on.
        text: the canonical text.
        binding: the settings that differ from the text's, as they are written.
        steps_per_epoch: updates an epoch, if known.
        total: the ticks of the run, if known.
        in_shares: whether the values are in units of an unknown base.
    """

    tracks: tuple[Track, ...]
    momentum: Track | None
    plateau: Mapping[str, Any] | None
    length: int | None
    base: float | None
    tick: Literal["step", "epoch"] | None
    text: str
    binding: Mapping[str, str | int]
    steps_per_epoch: int | None = None
    total: int | None = None
    in_shares: bool = False
    lower: Callable[[float | None], Program] = field(repr=False, compare=False, kw_only=True)

    def __repr__(self) -> str:
        length = "for ever" if self.length is None else f"{self.length} ticks"
        base = "in shares of the base" if self.in_shares else f"lr={self.base}"
        return f"<Program {self.text!r}: {length}, {base}; one tick is {self.says_tick}>"

    @property
    def says_tick(self) -> str:
        """What one tick is, in words."""
        match self.tick:
            case "step":
                return "one optimizer update"
            case "epoch":
                return "one epoch"
            case None:
                return "one call of step()"

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of the first track, which has the levels."""
        return self.tracks[0].pieces

    def rebase(self, base: float | None) -> Program:
        """The same schedule for another base rate, or (None) over the symbol ``base``.

        Raises:
            ScheduleError: if it is wrong for that base.
        """
        return self if base == self.base and not self.in_shares else self.lower(base)

    def at(self, tick: int) -> float:
        """The rate that the update after ``tick`` updates uses.

        Raises:
            ValueError: if the tick is negative.
        """
        tick = operator.index(tick)
        if tick < 0:
            raise ValueError(f"a tick is at least 0, not {tick}")
        rate = self.tracks[0].at(tick)
        for track in self.tracks[1:]:
            rate *= track.at(tick)
        return rate

    def curve(self, ticks: int | None = None) -> Array:
        """The rates of the ticks ``0, …, ticks - 1`` (unsaid: the whole length).

        Returns:
            A float64 array of shape ``(ticks,)``.

        Raises:
            ValueError: if the schedule never ends and ``ticks`` is not said.
        """
        if ticks is None:
            if self.length is None:
                raise ValueError("this schedule never ends: say how many ticks, curve(1000)")
            ticks = self.length
        return self.between(0, operator.index(ticks))

    def between(self, first: int, last: int) -> Array:
        """The rates of the ticks ``first, …, last - 1``: float64 of shape ``(last - first,)``."""
        values = self.tracks[0].fill(first, last)
        for track in self.tracks[1:]:
            values *= track.fill(first, last)
        return values
