"""Curves for single precision: formulas with the same values, without cancellation or jumps.

A float32 has seven digits, and not every step above 16,777,216 is exact. So a target that computes
in single precision gets a curve as `SmoothPart`s, whose formulas

- count ticks in integers, from a tick at which the formula is small (`TickCount`): a decay to 0
  counts the remaining ticks, and a cycle counts the ticks within it;
- have no differences of nearly equal numbers (`stable`);
- stay finite, and have a finite slope, between the part's first tick and its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from schedlang.arrays.jumps import period_of, split
from schedlang.arrays.stable import TINY, stable
from schedlang.arrays.sums import LinearForm, Sum
from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import ZERO, Apply, Expr, Lookup, Named, Number, Symbol, T

LARGEST_EXPONENT = 80.0
"""The largest argument of ``exp`` whose result fits into a float32."""
SNAP = 1e-12
"""Numbers with a smaller relative difference are equal up to rounding."""
LONG_WAVE = 60.0
"""Larger arguments of a sine are reduced to one period."""


class TickCount(NamedTuple):
    """A number that is computed in integers and then converted to a float.

    Attributes:
        kind: ``ticks``: ticks since the anchor; ``rounds``: whole periods since the anchor, minus
            the offset; ``remainder``: the ticks since the current period began, times the period's
            denominator, minus the offset.
        anchor: a tick.
        numerator: that of the period, in ticks.
        denominator: that of the period.
        offset: the value of ``rounds`` or ``remainder`` at which the count is 0.
    """

    kind: Literal["ticks", "rounds", "remainder"]
    anchor: int
    numerator: int = 1
    denominator: int = 1
    offset: int = 0


@dataclass(frozen=True)
class SmoothPart:
    """A part of a curve without a jump, in ticks since the curve began.

    Attributes:
        begin: its first tick.
        end: the tick after its last one, or None.
        counts: the variables of its formula; ``x0`` is the first one.
        curve: the formula.
    """

    begin: int
    end: int | None
    counts: tuple[TickCount, ...]
    curve: Expr


def smooth_parts(curve: Expr, length: int | None) -> Iterator[SmoothPart]:
    """The parts of the curve of a piece of ``length`` ticks (None: it never ends)."""
    for begin, end, part in split(curve, length):
        rewriter = _Rewriter(begin, end)
        written = rewriter.write(stable(part))
        yield SmoothPart(begin, end, tuple(rewriter.counts), written)


class _Rewriter:
    """Rewrites the formula of a part as a function of counts."""

    def __init__(self, begin: int, end: int | None) -> None:
        self.begin = begin
        self.end = end
        self.counts: list[TickCount] = []
        self._sums: dict[int, tuple[Expr, Sum]] = {}

    def write(self, e: Expr) -> Expr:
        return self._join(self._sum(e))

    def _sum(self, e: Expr) -> Sum:
        known = self._sums.get(id(e))
        if known is None:
            known = self._sums[id(e)] = e, self._as_sum(e)  # keeps e alive, and its id unique
        return known[1]

    def _as_sum(self, e: Expr) -> Sum:
        match e:
            case Number(number):
                return Sum(number)
            case Named(_, inner):
                return self._sum(inner)
            case Apply("add", (x, y)):
                return self._sum(x).plus(self._sum(y))
            case Apply("sub", (x, y)):
                return self._sum(x).plus(self._sum(y).times(-1.0))
            case Apply("neg", (x,)):
                return self._sum(x).times(-1.0)
            case Apply("mul", (x, y)) if not self._sum(x).terms:
                return self._sum(y).times(self._sum(x).constant)
            case Apply("mul", (x, y)) if not self._sum(y).terms:
                return self._sum(x).times(self._sum(y).constant)
            case Apply("div", (x, y)) if not self._sum(y).terms and self._sum(y).constant:
                return self._sum(x).times(1 / self._sum(y).constant)
            case _ if not formula.symbols(e):
                return Sum(float(value(e, {})))
            case _:
                return Sum(0.0, ((e, 1.0),))

    def _join(self, whole: Sum) -> Expr:
        """The sum as the formula with the least cancellation."""
        linear = self._linear_form(whole)
        if linear is not None:
            return self._put(linear)
        moving = tuple((e, f) for e, f in whole.terms if e == T or _remainder_of(e) is not None)
        rest = [(e, f) for e, f in whole.terms if (e, f) not in moving]
        linear = self._linear_form(Sum(whole.constant, moving))
        if linear is None:
            total: Expr = Number(whole.constant)
            rest = list(whole.terms)
        else:
            total = self._put(linear)
        for term, factor in rest:
            total = formula.add(total, self._scaled(factor, term))
        return total

    def _scaled(self, factor: float, term: Expr) -> Expr:
        match term:
            case Apply("div", (x, y)) if not self._sum(x).terms:
                return formula.div(factor * self._sum(x).constant, self.write(y))
            case Apply("sqrt", (x,)):
                linear = self._linear_form(self._sum(x))
                if linear is None or linear.slope <= 0 or self._zero(linear) is None:
                    return formula.mul(factor, self._term(term))
                count = self._put(
                    linear._replace(slope=1.0, constant=linear.constant / linear.slope)
                )
                root = formula.sqrt(formula.maximum(count, TINY))
                return formula.mul(factor * math.sqrt(linear.slope), root)
            case _:
                return formula.mul(factor, self._term(term))

    # ------------------------------------------------------------------ lines over integer counts

    def _linear_form(self, whole: Sum) -> LinearForm | None:
        """The sum as a line over ticks, ticks within a period, or periods; else None."""
        factors = dict(whole.terms)
        slope = factors.pop(T, 0.0)
        if not factors:
            return LinearForm(slope, whole.constant)
        if len(factors) > 1 or slope:
            return None
        ((term, factor),) = factors.items()
        found = _remainder_of(term)
        if found is not None:
            parts, offset, period = found
            return LinearForm(factor * parts, whole.constant, period, -offset)
        rounds = period_of(term)
        if rounds is not None:
            return LinearForm(factor, whole.constant, rounds[1], -rounds[0], rounds=True)
        return None

    def _ends(self, linear: LinearForm) -> tuple[int, int | None]:
        """The line's counts at the begin and end of the part (or the period)."""
        if linear.period is None:
            return self.begin, self.end
        if not linear.rounds:
            return 0, linear.period.numerator
        end = None if self.end is None else (self.end - linear.anchor) // linear.period
        return (self.begin - linear.anchor) // linear.period, end

    def _range(self, linear: LinearForm) -> tuple[float, float]:
        """The line's values at the begin and end of the part (or the period)."""
        begin, end = self._ends(linear)
        slope = linear.slope / _parts(linear)
        first = slope * begin + linear.constant
        if end is None:
            return first, first if not linear.slope else math.copysign(math.inf, linear.slope)
        return first, slope * end + linear.constant

    def _zero(self, linear: LinearForm) -> int | None:
        """The count at which the line is 0, if it is an integer near its range."""
        exact = -linear.constant / linear.slope * _parts(linear) if linear.slope else math.inf
        if not abs(exact) < 2.0**31:
            return None
        root = round(exact)
        if abs(exact - root) > 1e-9 + SNAP * abs(root):
            return None
        begin, end = self._ends(linear)
        past = 0 if linear.period is not None and not linear.rounds else 1
        return root if begin - past <= root <= (math.inf if end is None else end + past) else None

    def _put(self, linear: LinearForm) -> Expr:
        """The line over a count that is 0 where the line is 0, or closest to 0."""
        if not linear.slope:
            return Number(linear.constant)
        root = self._zero(linear)
        if root is not None:
            return self._counted(linear, root, 0.0)
        (first, last), (start, end) = self._range(linear), self._ends(linear)
        if first * last < 0 and math.isfinite(last):  # the line crosses 0 between two counts
            at = math.floor(-linear.constant / linear.slope * _parts(linear))
        else:
            at = start if end is None or abs(first) <= abs(last) else end
        return self._counted(linear, at, linear.slope * at / _parts(linear) + linear.constant)

    def _counted(self, linear: LinearForm, at: int, there: float) -> Expr:
        if linear.period is None:
            return formula.mul(linear.slope, self._count(TickCount("ticks", at))) + there
        period = linear.period
        kind: Literal["rounds", "remainder"] = "rounds" if linear.rounds else "remainder"
        count = TickCount(kind, linear.anchor, period.numerator, period.denominator, at)
        return formula.mul(linear.slope / _parts(linear), self._count(count)) + there

    def _count(self, count: TickCount) -> Symbol:
        if count not in self.counts:
            self.counts.append(count)
        return Symbol(f"x{self.counts.index(count)}")

    def _in_one_period(self, linear: LinearForm) -> LinearForm:
        """A wave's argument reduced by whole periods, if these can be counted in integers."""
        first, last = self._range(linear)
        if linear.period is not None or not linear.slope or abs(last - first) < LONG_WAVE:
            return linear
        length = 2 * math.pi / abs(linear.slope)
        period = Fraction(length).limit_denominator(1000)
        if period < 1 or abs(period - Fraction(length)) > SNAP * length:
            return linear
        return linear._replace(period=period)

    # ------------------------------------------------------------------ single terms

    def _term(self, e: Expr) -> Expr:
        match e:
            case Symbol():
                return self.write(e)
            case Apply("floordiv" | "mod" as op, (x, y)):
                found = period_of(e)
                if found is None:  # of a registered phase
                    rounds = self._term(formula.floor(x / y))
                    return rounds if op == "floordiv" else self.write(x) - rounds * self.write(y)
                if op == "mod":
                    return self.write(e)
                return self._round(*found)
            case Apply("floor", (x,)):
                found = period_of(e)
                if found is not None:
                    return self._round(*found)
                # A quotient that is an integer in doubles may be slightly below it in float32.
                inside = self.write(x)
                return formula.floor(inside + formula.mul(2.0**-22, Apply("abs", (inside,))))
            case Apply("cos" | "sin" as op, (x,)):
                linear = self._linear_form(self._sum(x))
                if linear is None:
                    return Apply(op, (self.write(x),))
                linear = self._in_one_period(linear)
                other = linear.less_than(math.pi / 2)
                if op == "cos" and (self._zero(other) is not None or other.rounds):
                    return formula.sin(self._put(other))  # accurate near 0
                return Apply(op, (self._put(linear),))
            case Apply("pow", (x, y)):
                return self._power(x, y)
            case Apply("exp", (x,)):
                return self._exp(self._sum(x))
            case Apply("sqrt", (x,)):
                return self._safe_sqrt(x)
            case Apply("log", (x,)):
                return formula.log(self._at_least_tiny(x))
            case Apply("where", (condition, x, y)):
                return self._choice(condition, x, y)
            case Apply(op, args):
                return Apply(op, tuple(map(self.write, args)))
            case Lookup(x, edges, values):
                reached = self.write(x)
                chosen: Expr = Number(values[0])
                for edge, number in zip(edges, values[1:], strict=True):
                    chosen = formula.where(formula.less(reached, edge), chosen, number)
                return chosen
            case Number() | Named():
                return self.write(e)

    def _round(self, offset: int, period: Fraction) -> Expr:
        return self._count(TickCount("rounds", -offset, period.numerator, period.denominator))

    def _safe_sqrt(self, x: Expr) -> Expr:
        return formula.sqrt(self._at_least_tiny(x))

    def _at_least_tiny(self, x: Expr) -> Expr:
        inside = self.write(_vanishing(x))
        return inside if self._is_positive(x) else formula.maximum(inside, TINY)

    def _is_positive(self, x: Expr) -> bool:
        linear = self._linear_form(self._sum(x)) or LinearForm(0.0, 0.0)
        # A line closer to 0 than this is 0 at a count (see `_zero`).
        return min(self._range(linear)) > 1e-9 * abs(linear.slope) + SNAP * abs(linear.constant)

    def _exp(self, whole: Sum) -> Expr:
        exponent = self._join(whole)
        linear = self._linear_form(whole)
        if linear is not None and max(self._range(linear)) > LARGEST_EXPONENT:
            exponent = formula.minimum(exponent, LARGEST_EXPONENT)
        return formula.exp(exponent)

    def _power(self, x: Expr, y: Expr) -> Expr:
        base, exponent = self._sum(x), self._sum(y)
        if not base.terms and base.constant > 0:
            # The rounding error of a base such as 0.999999 grows with the exponent.
            return self._exp(exponent.times(math.log(base.constant)))
        if exponent.terms:
            return Apply("pow", (self.write(x), self.write(y)))
        number = exponent.constant
        if number == 0.5:
            return self._safe_sqrt(x)
        inside = self.write(_vanishing(x) if 0 < number < 1 else x)
        if number in {1.0, 2.0, 3.0, 4.0}:
            product = inside
            for _ in range(int(number) - 1):
                product = product * inside
            return product
        if number < 0 or number == int(number) or self._is_positive(x):
            return formula.power(inside, number)
        powered = formula.power(formula.maximum(inside, TINY), number)
        return formula.where(Apply("gt", (inside, ZERO)), powered, ZERO)

    def _choice(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        """A choice between formulas, each evaluated only at ticks where it is chosen."""
        x, y = (
            side
            if isinstance(side, Number | Symbol)
            else formula.substitute(side, {"t": self._own(condition, chosen=chosen)})
            for side, chosen in ((x, True), (y, False))
        )
        return formula.where(self.write(condition), self.write(x), self.write(y))

    def _own(self, condition: Expr, *, chosen: bool) -> Expr:
        """The tick, or, where this side is not chosen, a tick at which it is."""
        last = min(self.end or math.inf, self.begin + 10_000)
        for tick in range(self.begin, int(last)):
            if bool(value(condition, {"t": float(tick)})) == chosen:
                own = Number(float(tick))
                sides = (T, own) if chosen else (own, T)
                return formula.where(condition, *sides)
        return T


def _remainder_of(e: Expr) -> tuple[int, int, Fraction] | None:
    """``(parts, offset, period)`` if this is ``parts·((t + offset) mod period)``."""
    match e:
        case Apply("mod", (x, _)):
            found = period_of(e)
            parts = x.args[1] if isinstance(x, Apply) and x.op == "mul" else Number(1.0)
            if found is not None and isinstance(parts, Number):
                return int(parts.value), *found
    return None


def _parts(linear: LinearForm) -> int:
    """The number of counts in one unit of the line's ``x``."""
    return 1 if linear.period is None or linear.rounds else linear.period.denominator


def _vanishing(e: Expr) -> Expr:
    """The formula with roots that are exactly 0 at 0: a nested root would magnify an error."""
    match e:
        case Apply("div", (x, Apply("sqrt" | "pow", (y, *_)))) if x == y:
            return e  # already exact
        case Apply("sqrt", (x,)) | Apply("pow", (x, Number(0.5))):
            return formula.div(_vanishing(x), formula.sqrt(_vanishing(x)))
        case _:
            return formula.rebuild(e, _vanishing)
