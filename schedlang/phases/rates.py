"""Phases that fall from the level at entry, in steps or gradually: step to inverse_sqrt."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import mul
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from schedlang.errors import quoted, refuse
from schedlang.formula.expressions import (
    Expr,
    Lookup,
    Named,
    per,
    power,
    rounds,
    sqrt,
)
from schedlang.formula.levels import pair
from schedlang.language.quantities import Level
from schedlang.phases.arguments import Flag, LevelList, Positions, Positive, PositiveLength, Ratios
from schedlang.phases.base import Context, Phase, Rate, Resolved


class Step(Rate):
    """``L·gamma^⌊t/every⌋``.

    >>> import schedlang
    >>> program = schedlang.parse("step every=30").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 29, 30, 60)]
    [0.1, 0.1, 0.01, 0.001]
    """

    kind: Literal["step"]
    depends_on_place: ClassVar[bool] = False
    every: PositiveLength
    gamma: Positive = Fraction(1, 10)

    def factor(self, context: Context) -> Expr:
        return power(
            self.gamma, Named("drops", rounds(context.t, context.period(self.every, "every")))
        )

    def grows(self) -> bool:
        return self.gamma > 1


class Multistep(Phase):
    """``L·gamma^(positions reached)``; a list of gammas gives one factor to each position.

    Positions count from the start of the enclosing pipeline.

    >>> import schedlang
    >>> program = schedlang.parse("multistep at=[30, 60]").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (29, 30, 59, 60, 1000)]
    [0.1, 0.01, 0.01, 0.001, 0.001]
    """

    kind: Literal["multistep"]
    endless: ClassVar[bool] = True

    at: Positions
    gamma: Ratios = Fraction(1, 10)
    start: Level | None = Field(None, alias="from")
    min: Level | None = None

    @model_validator(mode="after")
    def _one_gamma_each(self) -> Self:
        if isinstance(self.gamma, tuple) and len(self.gamma) != len(self.at):
            count = len(self.at)
            message = (
                f"{count} positions need one gamma or a list of {count}, not of {len(self.gamma)}"
            )
            refuse("wrong-type", message)
        return self

    def factors(self) -> tuple[Fraction, ...]:
        """The factor at each position."""
        return self.gamma if isinstance(self.gamma, tuple) else (self.gamma,) * len(self.at)

    def curve(self, context: Context) -> Expr:
        level, edges = context.start(self.start), reached(self.at, context)
        if isinstance(self.gamma, tuple):
            return context.floored(
                level * Lookup(context.t, edges, _products(self.gamma)), self.min
            )
        counts = tuple(map(float, range(len(edges) + 1)))
        drops = Named("drops", Lookup(context.t, edges, counts))
        return context.floored(level * power(self.gamma, drops), self.min)

    def grows(self) -> bool:
        return any(factor > 1 for factor in self.factors())

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        level, factors = context.start(self.start), tuple(map(float, self.factors()))
        return {**super().derived_arguments(context), "a": level, "factors": factors}


class Piecewise(Phase):
    """``values[positions reached]``: piecewise constant.

    Positions count from the start of the enclosing pipeline.

    >>> import schedlang
    >>> program = schedlang.parse("piecewise at=[10, 20] values=[1x, 50%, 1e-3]").bind(lr=0.1)
    >>> [program.at(tick) for tick in (0, 9, 10, 20, 1000)]
    [0.1, 0.1, 0.05, 0.001, 0.001]
    """

    kind: Literal["piecewise"]
    endless: ClassVar[bool] = True

    at: Positions
    values: LevelList

    @model_validator(mode="after")
    def _one_value_more(self) -> Self:
        if len(self.values) != len(self.at) + 1:
            count = len(self.at)
            message = f"{count} positions need {count + 1} values, not {len(self.values)}"
            refuse("wrong-type", message, "the first value holds until the first position")
        return self

    def curve(self, context: Context) -> Expr:
        edges = reached(self.at, context)
        pairs = [pair(context.rate(level)) or (0.0, 0.0) for level in self.values]
        shares, rates = zip(*pairs, strict=True)
        curve = Lookup(context.t, edges, rates)
        if not any(shares):
            return curve
        relative = Lookup(context.t, edges, shares) * context.base
        return relative + curve if any(rates) else relative


class InverseTime(Rate):
    """``L / (1 + rate·t/every)``, with ``⌊t/every⌋`` if ``staircase``.

    >>> import schedlang
    >>> program = schedlang.parse("inverse_time rate=1 every=10").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 10, 30)]
    [0.1, 0.05, 0.025]
    """

    kind: Literal["inverse_time"]
    depends_on_place: ClassVar[bool] = False
    rate: Positive
    every: PositiveLength | None = None
    staircase: Flag = False

    def factor(self, context: Context) -> Expr:
        period = context.period(self.every, "every")
        time = rounds(context.t, period) if self.staircase else per(context.t, period)
        return 1 / (1 + self.rate * Named("periods", time))


class InverseSqrt(Rate):
    """``L / √(1 + t/timescale)``; the default timescale is the length of the phases before it.

    Source: Vaswani et al., 2017.

    >>> import schedlang
    >>> program = schedlang.parse("warmup 4000 from=0 -> inverse_sqrt").bind(lr=1)
    >>> [program.at(tick) for tick in (0, 1000, 4000, 16000)]
    [0.0, 0.25, 1.0, 0.5]
    """

    kind: Literal["inverse_sqrt"]
    timescale: PositiveLength | None = None

    def factor(self, context: Context) -> Expr:
        if self.timescale is not None:
            scale = context.period(self.timescale, "timescale")
        elif context.elapsed >= 1:
            scale = context.elapsed
        else:
            message = "`inverse_sqrt` without a phase before it needs a timescale"
            refuse("missing-argument", message, "write inverse_sqrt timescale=4000")
        return 1 / sqrt(1 + per(context.t, scale))


def _products(factors: tuple[Fraction, ...]) -> tuple[float, ...]:
    """1 and the cumulative products of the factors, in doubles: exact ones grow in digits."""
    with decimal.localcontext(decimal.Context(prec=40)):
        decimals = (Decimal(factor.numerator) / factor.denominator for factor in factors)
        return tuple(map(float, accumulate(decimals, mul, initial=Decimal(1))))


def reached(at: Positions, context: Context) -> tuple[float, ...]:
    """The positions in ticks from the start of the phase; their order is checked."""
    exact = [context.origin + context.convert(position) for position in at]
    for i, (before, after) in enumerate(pairwise(exact)):
        if before >= after:
            message = f"{quoted(at[i + 1])} does not come after {quoted(at[i])}"
            refuse("out-of-order", message, argument="at")
    if context.convert(at[0]) < context.elapsed:
        message = f"position {quoted(at[0])} lies before the phase, which begins at tick"
        advice = "positions count from the start of the enclosing pipeline"
        refuse("out-of-order", f"{message} {float(context.elapsed):g}", advice, "at")
    return tuple(map(float, exact))
