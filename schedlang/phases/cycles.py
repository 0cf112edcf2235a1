"""Cyclic phases: restarts, cyclic, onecycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import lcm
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from schedlang.errors import Mistake, ScheduleError, refuse
from schedlang.formula.expressions import (
    LAST_TICK,
    PI,
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    at_most,
    cos,
    maximum,
    minimum,
    per,
    power,
    rounds,
    where,
    within,
)
from schedlang.formula.levels import Check, above, compare_levels
from schedlang.language.quantities import Length, Level
from schedlang.phases.arguments import (
    BetweenZeroAndOne,
    Flag,
    GrowthFactor,
    Momentum,
    Positive,
    PositiveInt,
    PositiveLength,
)
from schedlang.phases.base import Context, Phase, Resolved

FINE = 2**200
"""Growing cycles are summed in fractions of a tick below the resolution of a double."""


class Restarts(Phase):
    """Consecutive cosines (SGDR, Loshchilov & Hutter, 2017).

    Cycle ``i`` lasts ``first·mult^i``, peaks at ``max(min, L·shrink^i)`` and falls to ``min``.

    >>> import schedlang
    >>> program = schedlang.parse("restarts first=10 mult=2").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 5, 10, 20, 30)]
    [0.1, 0.05, 0.1, 0.05, 0.1]
    """

    kind: Literal["restarts"]
    depends_on_place: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    first: PositiveLength | None = None
    mult: GrowthFactor = Fraction(1)
    min: Level = Level(Fraction(0))
    shrink: Positive = Fraction(1)
    cycles: PositiveInt | None = None
    start: Level | None = Field(None, alias="from")
    skip: Length | None = None

    @model_validator(mode="after")
    def _two_of_three(self) -> Self:
        given = (self.duration is not None, self.cycles is not None, self.first is not None)
        if given not in {
            (False, False, True),
            (True, False, True),
            (False, True, True),
            (True, True, False),
        }:
            message = (
                "`restarts` takes `first`, with a duration or `cycles`; or a duration with `cycles`"
            )
            refuse("missing-argument" if sum(given) < 2 else "does-not-apply", message)
        return self

    def bounded(self) -> bool:
        return self.duration is not None or self.cycles is not None

    def natural_length(self, convert: Callable[[Length], Fraction]) -> Fraction | None:
        if self.cycles is None or self.first is None:
            return None
        first = convert(self.first)
        if self.mult == 1:
            return first * self.cycles
        return first * _sum(self.mult, self.cycles)

    def first_cycle(self, context: Context) -> Fraction:
        """The exact ticks of the first cycle."""
        if self.first is not None:
            return context.period(self.first, "first")
        cycles = self.cycles or 1
        return Fraction(context.length) / (cycles if self.mult == 1 else _sum(self.mult, cycles))

    def curve(self, context: Context) -> Expr:
        low = context.rate(self.min)
        level, first = context.start(self.start), self.first_cycle(context)
        cycle, p = self._even(context, first) if self.mult == 1 else self._growing(context, first)
        if self.shrink != 1:
            peak = maximum(low, level * power(self.shrink, cycle))
        else:
            higher = compare_levels(level, low)
            peak = maximum(low, level) if higher is None else level if higher >= 0 else low
        return low + (peak - low) * (1 + cos(PI * p)) / 2

    def end(self, context: Context, curve: Expr) -> Expr:
        if self.cycles is None:
            return super().end(context, curve)
        return context.rate(self.min)  # the last of `cycles` is complete, however T is rounded

    def grows(self) -> bool:
        return self.shrink > 1

    def _even(self, context: Context, first: Fraction) -> tuple[Expr, Expr]:
        cycle = Named("cycle", rounds(context.t, first))
        return cycle, Named("progress", within(context.t, first) / first.numerator)

    def _growing(self, context: Context, first: Fraction) -> tuple[Expr, Expr]:
        last = (context.ticks if context.ticks is not None else LAST_TICK) * FINE
        begin, length = 0, int(first * FINE)
        begins, lengths = [begin], [length]
        while (begin := begin + length) < last and len(begins) < (self.cycles or LAST_TICK):
            length = length * self.mult.numerator // self.mult.denominator
            begins.append(begin)
            lengths.append(length)
        starts = tuple(begin / FINE for begin in begins)
        widths = tuple(length / FINE for length in lengths)
        counts = tuple(map(float, range(len(starts))))
        t = context.t
        since = t - Named("begin", Lookup(t, starts[1:], starts))
        p = since / Named("length", Lookup(t, starts[1:], widths))
        return Named("cycle", Lookup(t, starts[1:], counts)), Named("progress", p)

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        first = self.first_cycle(context)
        own = {"a": context.start(self.start), "first": float(first), "exact": (first, self.mult)}
        return {**super().derived_arguments(context), **own}


def _sum(mult: Fraction, cycles: int) -> Fraction:
    """1 + mult + … + mult^(cycles-1), exactly."""
    most = 4_000  # 1.01^4000 is already more than 2^53
    total = (mult ** min(cycles, most) - 1) / (mult - 1)
    if cycles > most or total > LAST_TICK:
        message = "the cycles add up to more than 2^53 ticks"
        refuse("overflow", message, argument="cycles")
    return total


class Cyclic(Phase):
    """Up and down in straight lines between ``min`` and ``max``: PyTorch's ``CyclicLR``.

    The amplitude halves each cycle in ``mode=triangular2``, and is ``gamma^t`` in ``exp_range``
    (Smith, 2017).

    >>> import schedlang
    >>> program = schedlang.parse("cyclic up=20 min=0.001 max=0.1").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 10, 20, 30, 40)]
    [0.001, 0.0505, 0.1, 0.0505, 0.001]
    """

    kind: Literal["cyclic"]
    depends_on_place: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    up: PositiveLength
    down: PositiveLength | None = None
    min: Level
    max: Level = Level(Fraction(1), "x")
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Positive = Fraction(1)
    momentum: Momentum | None = None
    skip: Length | None = None

    @model_validator(mode="after")
    def _gamma_has_its_mode(self) -> Self:
        if self.gamma != 1 and self.mode != "exp_range":
            refuse("does-not-apply", "`gamma` requires `mode=exp_range`")
        return self

    def curve(self, context: Context) -> Expr:
        low, high = context.rate(self.min), context.rate(self.max)
        return low + (high - low) * self._height(context)

    def check(self, context: Context) -> Iterator[Check]:
        low, high = context.rate(self.min), context.rate(self.max)
        higher = compare_levels(high, low)
        mistake = Mistake("out-of-order", "`max` is below `min`", path=("max",))
        if higher is None:
            yield Check(above(low, high), mistake)
        elif higher < 0:
            raise ScheduleError([mistake])

    def grows(self) -> bool:
        return self.gamma > 1

    def momentum_curve(self, context: Context) -> Expr | None:
        if self.momentum is None:
            return None
        low, high = self.momentum
        return float(high) - float(high - low) * self._height(context)

    def _height(self, context: Context) -> Expr:
        up = context.period(self.up, "up")
        down = context.period(self.down, "down") if self.down is not None else up
        period = up + down
        cycle = Named("cycle", rounds(context.t, period))
        # In fractions of a tick in which all three are integers, so that nothing is rounded.
        parts = lcm(up.denominator, down.denominator)
        x = Named("in_cycle", Apply("mod", (context.t * parts, Number(float(period * parts)))))
        height = minimum(x / float(up * parts), (float(period * parts) - x) / float(down * parts))
        match self.mode:
            case "triangular":
                return height
            case "triangular2":
                return height * power(0.5, cycle)
            case "exp_range":
                return height * power(self.gamma, context.t)


class OneCycle(Phase):
    """One rise and one fall: exactly PyTorch's ``OneCycleLR`` (Smith & Topin, 2018).

    The rate goes from ``max/div`` up to ``max`` at tick ``pct·T - 1``, and down to
    ``max/(div·final_div)`` at tick ``T - 1``; with ``three_phase`` first back to ``max/div``.

    >>> import schedlang
    >>> program = schedlang.parse("onecycle 100").bind(lr=0.1)
    >>> [round(program.at(tick), 7) for tick in (0, 29, 99, 1000)]
    [0.004, 0.1, 4e-07, 4e-07]
    """

    kind: Literal["onecycle"]
    depends_on_place: ClassVar[bool] = False

    max: Level = Level(Fraction(1), "x")
    pct: BetweenZeroAndOne = Fraction(3, 10)
    div: Positive = Fraction(25)
    final_div: Positive = Fraction(10_000)
    anneal: Literal["cos", "linear"] = "cos"
    three_phase: Flag = False
    momentum: Momentum | None = None
    skip: Length | None = None

    @model_validator(mode="after")
    def _three_phases_fit(self) -> Self:
        if self.three_phase and self.pct > Fraction(1, 2):
            refuse("out-of-range", "with `three_phase`, `pct` must be at most 0.5")
        return self

    def levels(self, context: Context) -> tuple[Expr, Expr, Expr]:
        """The rates at the start, at the peak and at the end."""
        peak = context.rate(self.max)
        match peak:
            case Number(rate):
                first = rate / float(self.div)
                return Number(first), peak, Number(first / float(self.final_div))
        first_share = peak / float(self.div)
        return first_share, peak, peak / float(self.div * self.final_div)

    def curve(self, context: Context) -> Expr:
        low, peak, end = self.levels(context)
        return self._through(context, low, peak, end)

    def momentum_curve(self, context: Context) -> Expr | None:
        if self.momentum is None:
            return None
        low, high = (Number(float(level)) for level in self.momentum)
        return self._through(context, high, low, high)

    def momentum_end(self, context: Context, momentum: Expr) -> Expr:
        assert self.momentum is not None
        return Number(float(self.momentum[1]))

    def end(self, context: Context, curve: Expr) -> Expr:
        return self.skipped(context)

    def skipped(self, context: Context) -> Expr:
        return self.levels(context)[2]

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        return {"b": self.levels(context)[2], **super().derived_arguments(context)}

    def _through(self, context: Context, low: Expr, peak: Expr, end: Expr) -> Expr:
        """A curve through three levels (four with ``three_phase``) at the same ticks as PyTorch."""
        top = self.pct * context.length - 1
        marks = [(top, low, peak)]
        if self.three_phase:
            marks.append((2 * top, peak, low))
            peak = low
        marks.append((Fraction(context.length - 1), peak, end))
        begins = [Fraction(0), *(mark for mark, _, _ in marks)]
        curve: Expr | None = None
        for begin, (mark, a, b) in reversed(list(zip(begins, marks, strict=False))):
            if curve is None:
                curve = self._anneal(context, a, b, begin, mark)
            elif mark > 0:
                part = self._anneal(context, a, b, begin, mark)
                curve = where(at_most(context.t, mark), part, curve)
            elif mark == 0 and begin == 0:
                curve = where(at_most(context.t, 0), b, curve)
        assert curve is not None
        return curve

    def _anneal(self, context: Context, a: Expr, b: Expr, begin: Fraction, end: Fraction) -> Expr:
        p = Named("progress", per(context.t - begin, end - begin))
        if self.anneal == "linear":
            return a + (b - a) * p
        return b + (a - b) * (1 + cos(PI * p)) / 2
