"""The program: a bound schedule as intervals of ticks with a curve each, independent of syntax."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, cast

from schedlang.errors import Mistake, ScheduleError
from schedlang.formula.evaluate import Function, block, fold_constants, function, value
from schedlang.formula.expressions import (
    BASE,
    LEVEL,
    ZERO,
    Expr,
    Number,
    depends_on_base,
    skeleton,
    symbols,
)
from schedlang.formula.levels import Check

if TYPE_CHECKING:
    from schedlang.formula.evaluate import Array

BLOCK = 1 << 14
"""The number of ticks evaluated at once: intermediate arrays fit into the CPU's cache."""


class Arguments(TypedDict, total=False):
    """The arguments of a phase by name: levels are expressions of the base, lengths are ticks.

    A phase has the arguments of its kind, except optional ones that are not set; ``gamma`` is a
    float unless there is one for each position. These are added:

    Attributes:
        given: the names of the arguments that differ from their default.
        entry: the level on which the previous phase ended.
        a: the level at its start.
        b: the level at its end.
        T: the ticks of its whole curve, if it ends.
        skip: how many of these are skipped at its start.
        factors: the factor at each position of ``at``.
        exact: for ``restarts``, the length of the first cycle and the ratio of consecutive lengths.
        begin: for ``plateau``, its first tick.
        leaves: the momentum after it.
        text: the phase as written.
    """

    given: frozenset[str]
    entry: Expr
    a: Expr
    b: Expr
    T: int
    skip: int
    exact: tuple[Fraction, Fraction]
    begin: int
    leaves: Expr
    text: str
    anneal: str
    at: tuple[float, ...]
    cooldown: int
    div: float
    down: float
    eps: float
    every: float
    factor: float
    factors: tuple[float, ...]
    final_div: float
    first: float
    gamma: float
    max: Expr
    min: Expr
    mode: str
    momentum: tuple[float, float]
    monitor: str
    mult: float
    patience: int
    pct: float
    power: float
    rate: float
    role: str
    staircase: bool
    three_phase: bool
    threshold: float
    threshold_mode: str
    timescale: float
    up: float
    values: tuple[Expr, ...]


_NO_ARGUMENTS: Arguments = {}


class Piece(NamedTuple):
    """A half-open interval of ticks with one formula.

    Attributes:
        begin: its first tick.
        end: the tick after its last one; None if it never ends.
        curve: the rate (or a factor of it) as a function of ``t = tick - begin``.
        kind: the kind of its phase.
        arguments: that phase's arguments.
        text: the phase as written; empty if the piece only holds a level.
        factor: whether it is multiplied by other tracks, so that it is not a rate by itself.
    """

    begin: int
    end: int | None
    curve: Expr
    kind: str = "hold"
    arguments: Arguments = _NO_ARGUMENTS
    text: str = ""
    factor: bool = False


class _KnownArguments(Mapping[str, Any]):
    """A phase's arguments for a base rate, each computed when it is read."""

    def __init__(self, arguments: Mapping[str, Any], known: Callable[[Any], Any]) -> None:
        self._arguments = arguments
        self._known = known

    def __getitem__(self, name: str) -> Any:
        return self._known(self._arguments[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arguments)

    def __len__(self) -> int:
        return len(self._arguments)


class Repeat(NamedTuple):
    """A repeated round.

    Attributes:
        begin: its first tick.
        end: the tick after its last one, after a whole number of rounds; None if it never ends.
        period: the length of a round in ticks.
        parts: a round without gaps, in ticks since its start.
    """

    begin: int
    end: int | None
    period: int
    parts: tuple[Part, ...]


Part: TypeAlias = Piece | Repeat


class Loop(NamedTuple):
    """From ``begin`` on, the values repeat every ``period`` ticks."""

    begin: int
    period: int


def pieces_of(parts: Iterable[Part]) -> Iterator[Piece]:
    """Every piece once, even if it is repeated; its ticks count from the start of its round."""
    for part in parts:
        if isinstance(part, Piece):
            yield part
        else:
            yield from pieces_of(part.parts)


def map_pieces(parts: Iterable[Part], change: Callable[[Piece], Piece]) -> tuple[Part, ...]:
    """The parts with a function applied to each piece."""
    return tuple(
        change(part)
        if isinstance(part, Piece)
        else part._replace(parts=map_pieces(part.parts, change))
        for part in parts
    )


def shifted(part: Part, ticks: int) -> Part:
    """The part shifted by a number of ticks."""
    end = None if part.end is None else part.end + ticks
    return part._replace(begin=part.begin + ticks, end=end)


@dataclass(frozen=True, eq=False)
class Track:
    """Parts without gaps; the first begins at tick 0 (the momentum's may begin later)."""

    parts: tuple[Part, ...]

    def __getstate__(self) -> dict[str, Any]:
        """The state without compiled functions, which cannot be pickled."""
        return {"parts": self.parts}

    def map_pieces(self, change: Callable[[Piece], Piece]) -> Track:
        """The track with a function applied to each piece."""
        return Track(map_pieces(self.parts, change))

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """The first tick of each part."""
        return _begins(self.parts)

    def find(self, tick: int) -> tuple[Piece, int]:
        """The piece at a tick, and its ``t``."""
        parts, begins = self.parts, self.begins
        while True:
            part = parts[bisect_right(begins, tick) - 1]
            tick -= part.begin
            if isinstance(part, Piece):
                return part, tick
            tick %= part.period
            parts, begins = part.parts, self._round_begins(part)

    def _round_begins(self, repeat: Repeat) -> tuple[int, ...]:
        found = self._rounds.get(id(repeat))
        if found is None:
            found = self._rounds[id(repeat)] = _begins(repeat.parts)
        return found

    @cached_property
    def _rounds(self) -> dict[int, tuple[int, ...]]:
        return {}

    def at(self, tick: int) -> float:
        """The track's value at a tick."""
        piece, t = self.find(tick)
        compute, numbers = self.compiled(piece)
        return compute(float(t), *numbers)

    def compiled(self, piece: Piece) -> tuple[Function, tuple[float, ...]]:
        """A piece's formula as a function of ``t`` and its numbers, compiled once per formula."""
        found = self._compiled.get(id(piece))
        if found is None:
            shape, numbers = skeleton(piece.curve)
            names = ("t", *(f"c{i}" for i in range(len(numbers))))
            found = self._compiled[id(piece)] = function(shape, names), numbers
        return found

    @cached_property
    def _compiled(self) -> dict[int, tuple[Function, tuple[float, ...]]]:
        return {}

    def fill(self, first: int, last: int) -> Array:
        """The values of the ticks ``first, …, last - 1``."""
        import numpy as np

        values = np.empty(max(0, last - first))
        with np.errstate(all="ignore"):
            _fill(self.parts, self.begins, first, values)
        return values

    # ── The pieces in sequence, for targets that expand every round ──

    @cached_property
    def loop(self) -> Loop | None:
        """The final endless repeat, if there is one."""
        last = self.parts[-1]
        if isinstance(last, Repeat) and last.end is None:
            return Loop(last.begin, last.period)
        return None

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece in order; finite repeats are expanded, an endless one gives one round."""
        return tuple(_unrolled(self.parts, 0))


def _begins(parts: Sequence[Part]) -> tuple[int, ...]:
    return tuple(part.begin for part in parts)


def _unrolled(parts: Iterable[Part], since: int) -> Iterator[Piece]:
    for part in parts:
        begin = since + part.begin
        if isinstance(part, Piece):
            yield part._replace(begin=begin, end=None if part.end is None else since + part.end)
        else:
            rounds = 1 if part.end is None else (part.end - part.begin) // part.period
            for i in range(rounds):
                yield from _unrolled(part.parts, begin + i * part.period)


def _fill(parts: Sequence[Part], begins: Sequence[int], first: int, values: Array) -> None:
    """Fill the array with the values of the ticks from ``first`` on."""
    import numpy as np

    last = first + len(values)
    index = bisect_right(begins, first) - 1
    tick = first
    while tick < last:
        part = parts[index]
        end = last if part.end is None else min(part.end, last)
        here = values[tick - first : end - first]
        if isinstance(part, Repeat):
            inner = _begins(part.parts)
            t = (tick - part.begin) % part.period
            if len(here) > 2 * part.period:
                once = np.empty(part.period)
                _fill(part.parts, inner, 0, once)
                here[:] = np.resize(np.roll(once, -t), len(here))
            else:
                while len(here):
                    now = here[: part.period - t]
                    _fill(part.parts, inner, t, now)
                    here, t = here[len(now) :], 0
        elif isinstance(part.curve, Number):
            here[:] = part.curve.value
        else:
            t = tick - part.begin
            for i in range(0, len(here), BLOCK):
                ticks = np.arange(t + i, min(t + i + BLOCK, t + len(here)), dtype=np.float64)
                here[i : i + BLOCK] = block(part.curve, {"t": ticks})
        tick = end
        index += 1


@dataclass(frozen=True, eq=False)
class Program:
    """A bound schedule: the rate as a pure function of the tick.

    Attributes:
        symbolic: the tracks over the symbol ``base``, to be multiplied; the first has the levels.
        momentum: the momentum's track, which begins with the first phase that changes it.
        plateau: the arguments of the final `plateau`, if there is one.
        length: the ticks until the end level, or None if it never ends.
        base: the base rate; None in a program over the symbol ``base``, or where no level is a
            share of it.
        tick: what one tick is; None if the caller's calls of `step` define it.
        text: the canonical text.
        binding: the settings that differ from the text's, as written.
        steps_per_epoch: updates per epoch, if known.
        total: the length of the run in ticks, if known.
        in_shares: whether the values are shares of an unknown base.
        levels: the definitions of the symbols ``level_0``, ``level_1``, …, each over earlier ones.
        checks: the conditions that a base rate must satisfy.
        absolute: the mistakes of absolute levels, for a group whose base is 0.
        source: the text in which mistakes are marked, if there is one.
    """

    symbolic: tuple[Track, ...]
    momentum: Track | None
    symbolic_plateau: Arguments | None
    length: int | None
    base: float | None
    tick: Literal["step", "epoch"] | None
    text: str
    binding: Mapping[str, str | int]
    steps_per_epoch: int | None = None
    total: int | None = None
    in_shares: bool = False
    levels: tuple[Expr, ...] = field(default=(), repr=False)
    checks: tuple[Check, ...] = field(default=(), repr=False)
    absolute: tuple[Mistake, ...] = field(default=(), repr=False)
    source: str | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """The state without cached values."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    def __repr__(self) -> str:
        length = "never ends" if self.length is None else f"{self.length} ticks"
        if self.in_shares:
            values = "in shares of the base"
        elif self.base is not None:
            values = f"lr={self.base}"
        else:
            values = "over an unknown base" if self.needs_base else "in absolute values"
        return f"<Program {self.text!r}: {length}, {values}; one tick is {self.tick_description}>"

    @cached_property
    def needs_base(self) -> bool:
        """Whether a value depends on the base rate; False if all levels are absolute."""
        curves = [piece.curve for track in self.symbolic for piece in pieces_of(track.parts)]
        if self.symbolic_plateau is not None:
            curves.append(self.symbolic_plateau["min"])
        return any(depends_on_base(name) for curve in curves for name in symbols(curve))

    @property
    def tick_description(self) -> str:
        """One tick in words."""
        match self.tick:
            case "step":
                return "one optimizer update"
            case "epoch":
                return "one epoch"
            case None:
                return "one call of step()"

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks for the base rate; `symbolic` if it is not known."""
        if self.base is None:
            return self.symbolic
        if not self.base:  # every level is a share
            levels, *factors = self.symbolic
            frozen = levels.map_pieces(lambda piece: self._known(piece)._replace(curve=ZERO))
            return frozen, *factors
        return tuple(track.map_pieces(self._known) for track in self.symbolic)

    @cached_property
    def plateau(self) -> Arguments | None:
        """The arguments of the final `plateau` for the base rate."""
        arguments = self.symbolic_plateau
        if arguments is None or self.base is None:
            return arguments
        return self._known_arguments(arguments)

    def _known(self, piece: Piece) -> Piece:
        """The piece for the base rate; equal formulas are folded once."""
        curve = self._curves.get(id(piece.curve))
        if curve is None:
            curve = self._curves[id(piece.curve)] = fold_constants(piece.curve, self._numbers)
        return piece._replace(curve=curve, arguments=self._known_arguments(piece.arguments))

    def _known_arguments(self, arguments: Arguments) -> Arguments:
        return cast("Arguments", _KnownArguments(arguments, self._known_argument))

    def _known_argument(self, argument: Any) -> Any:
        if isinstance(argument, tuple):
            return tuple(map(self._known_argument, argument))
        return fold_constants(argument, self._numbers) if isinstance(argument, Expr) else argument

    @cached_property
    def _curves(self) -> dict[int, Expr]:
        return {}

    @cached_property
    def _numbers(self) -> dict[str, Number]:
        return {name: Number(x) for name, x in self.names(self.base or 0.0).items()}

    def names(self, base: float) -> dict[str, float]:
        """The values of ``base`` and of the symbols of levels for a base rate."""
        names = {BASE.name: base}
        for i, level in enumerate(self.levels):
            names[f"{LEVEL}{i}"] = value(level, names)
        return names

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of the first track, which has the levels."""
        return self.tracks[0].pieces

    def rebase(self, base: float | None) -> Program:
        """The schedule for another base rate, or (None) over the symbol ``base``.

        Raises:
            ScheduleError: if it is wrong for that base.
        """
        if base == self.base and not self.in_shares:
            return self
        if base is not None and (mistakes := self.mistakes(base)):
            raise ScheduleError(mistakes, self.source)
        return replace(self, base=base, in_shares=False)

    def mistakes(self, base: float) -> list[Mistake]:
        """The mistakes of the schedule for a base rate."""
        if not base:
            return list(self.absolute)
        names = self.names(base) if self.checks else {}
        found = (check.failure(names) for check in self.checks)
        return [mistake for mistake in found if mistake is not None]

    def at(self, tick: int) -> float:
        """The rate at a tick; tick 0 is that of the first update.

        Raises:
            ValueError: if the tick is negative.
        """
        tick = operator.index(tick)
        if tick < 0:
            raise ValueError(f"a tick must be at least 0, not {tick}")
        rate = self.tracks[0].at(tick)
        for track in self.tracks[1:]:
            rate *= track.at(tick)
        return rate

    def curve(self, ticks: int | None = None) -> Array:
        """The rates of the ticks ``0, …, ticks - 1`` (by default, the whole length).

        Returns:
            A float64 array of shape ``(ticks,)``.

        Raises:
            ValueError: if the schedule never ends and ``ticks`` is not given.
        """
        if ticks is None:
            if self.length is None:
                raise ValueError("this schedule never ends: pass the number of ticks, curve(1000)")
            ticks = self.length
        return self.between(0, operator.index(ticks))

    def between(self, first: int, last: int) -> Array:
        """The rates of the ticks ``first, …, last - 1``: float64 of shape ``(last - first,)``.

        Raises:
            ValueError: if a tick is negative.
        """
        if min(first, last) < 0:
            raise ValueError(f"a tick must be at least 0, not {min(first, last)}")
        values = self.tracks[0].fill(first, last)
        for track in self.tracks[1:]:
            values *= track.fill(first, last)
        return values
