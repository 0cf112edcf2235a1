"""Phases from one level to another: hold, linear, cosine, poly, sqrt, exp."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import model_validator
from typing_extensions import Self

from schedlang.errors import Mistake, ScheduleError, refuse
from schedlang.formula import expressions as formula
from schedlang.formula.expressions import PI, ZERO, Expr, cos, per, power, sqrt
from schedlang.formula.levels import Check
from schedlang.language.quantities import Level
from schedlang.phases.arguments import Positive
from schedlang.phases.base import Context, Phase, Ramp, at_end

_FROM_OR_TO_ZERO = Mistake("zero-level", "`exp` cannot go from or to zero", "write a level above 0")


class Hold(Phase):
    """``to``, or the level at entry: a constant.

    >>> import schedlang
    >>> schedlang.parse("hold 10 to=50%").bind(lr=0.1).at(3)
    0.05
    """

    kind: Literal["hold"]
    depends_on_place: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    to: Level | None = None

    def curve(self, context: Context) -> Expr:
        return context.start(self.to)

    def end(self, context: Context, curve: Expr) -> Expr:
        return curve

    def skipped(self, context: Context) -> Expr:
        return self.curve(context)


class Linear(Ramp):
    """``a + (b - a)·p``.

    >>> import schedlang
    >>> program = schedlang.parse("linear 10 to=50%").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 5, 10, 1000)]
    [0.1, 0.075, 0.05, 0.05]
    """

    kind: Literal["linear"]
    arrives: ClassVar[bool] = True

    def progress(self, p: Expr) -> Expr:
        return p

    def warmup_progress(self, p: Expr) -> Expr:
        return p


class Cosine(Ramp):
    """``a + (b - a)·(1 - cos(π·p))/2``, half a wave (Loshchilov & Hutter, 2017).

    >>> import schedlang
    >>> program = schedlang.parse("cosine 10").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 5, 10, 1000)]
    [0.1, 0.05, 0.0, 0.0]
    """

    kind: Literal["cosine"]
    arrives: ClassVar[bool] = True

    def progress(self, p: Expr) -> Expr:
        return (1 - cos(PI * p)) / 2

    def warmup_progress(self, p: Expr) -> Expr:
        return self.progress(p)


class Poly(Ramp):
    """``a + (b - a)·(1 - (1 - p)^power)``; the progress of a warm-up is ``p^power``.

    >>> import schedlang
    >>> program = schedlang.parse("poly 10 power=2").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 5, 10, 1000)]
    [0.1, 0.025, 0.0, 0.0]
    """

    kind: Literal["poly"]
    arrives: ClassVar[bool] = True
    power: Positive = Fraction(1)

    def progress(self, p: Expr) -> Expr:
        return 1 - power(1 - p, self.power)

    def warmup_progress(self, p: Expr) -> Expr:
        return power(p, self.power)


class Sqrt(Ramp):
    """``a + (b - a)·√p``, the 1-sqrt decay of WSD (Hägele et al., 2024).

    >>> import schedlang
    >>> program = schedlang.parse("sqrt 100").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 25, 100, 1000)]
    [0.1, 0.05, 0.0, 0.0]
    """

    kind: Literal["sqrt"]
    arrives: ClassVar[bool] = True

    def progress(self, p: Expr) -> Expr:
        return sqrt(p)

    def warmup_progress(self, p: Expr) -> Expr:
        return 1 - sqrt(1 - p)


class Exp(Ramp):
    """Geometric: ``a·(b/a)^p`` to a level, or ``L·gamma^(t/every)`` at a rate.

    >>> import schedlang
    >>> program = schedlang.parse("exp 10 to=1%").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 5, 10, 1000)]
    [0.1, 0.01, 0.001, 0.001]
    >>> round(schedlang.parse("exp gamma=0.95").bind(lr=0.1).at(2), 6)
    0.09025
    """

    kind: Literal["exp"]
    endless: ClassVar[bool] = True

    gamma: Positive | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.gamma is not None:
            if self.to is not None or self.role is not None:
                refuse("does-not-apply", "`exp` takes `gamma` or `to`, and a role only with `to`")
            return self
        if self.to is None and self.role != "warmup":
            refuse("missing-argument", "`exp` needs `gamma=` or `to=`", "write exp gamma=0.95")
        if self.duration is None:
            refuse("no-duration", "`exp` to a level needs a duration", "write exp 90 to=1%")
        return self

    def ends(self, *, first: bool) -> tuple[Level | None, Level]:
        ends = super().ends(first=first)
        if self.gamma is None and any(level is not None and not level.value for level in ends):
            raise ScheduleError([_FROM_OR_TO_ZERO])
        return ends

    def levels(self, context: Context) -> tuple[Expr, Expr]:
        levels = super().levels(context)
        if self.gamma is None and ZERO in levels:
            raise ScheduleError([_FROM_OR_TO_ZERO])
        return levels

    def curve(self, context: Context) -> Expr:
        a, b = self.levels(context)
        if self.gamma is not None:
            periods = per(context.t, context.period(self.every, "every"))
            return context.floored(a * power(self.gamma, periods), self.min)
        return a * power(context.ratio(b, a), self.time(context))

    def end(self, context: Context, curve: Expr) -> Expr:
        if self.gamma is not None:
            return at_end(curve, context, left=True)
        return self.skipped(context)

    def skipped(self, context: Context) -> Expr:
        return context.level if self.gamma is not None else self.levels(context)[1]

    def check(self, context: Context) -> Iterator[Check]:
        if self.gamma is not None:
            return
        yield from super().check(context)
        for level in self.levels(context):
            if formula.affine(level) is None:
                yield Check(formula.at_most(level, ZERO), _FROM_OR_TO_ZERO)

    def grows(self) -> bool:
        return self.gamma is not None and self.gamma > 1
