"""Where a curve jumps: a formula split into parts without a jump inside.

Conditions, floors and piecewise constants hang on ``t`` alone, so that most of them can be decided
once for a whole stretch of ticks. What remains is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import block, value
from schedlang.formula.expressions import Apply, Expr, Lookup, Number, T
from schedlang.formula.levels import pair

MOST_TICKS = 1 << 20
"""How many ticks are tried, one by one, for the jumps of a formula that cannot be solved."""
MOST_JUMPS = 4096
"""A formula that jumps more often is decided tick by tick, by whoever evaluates it."""
LAST_TICK = 2**53
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


def split(
    curve: Expr, length: int | None, *, conditions_only: bool = False
) -> Iterator[tuple[int, int | None, Expr]]:
    """The parts ``(begin, end, formula)`` of a curve of so many ticks (None: it never ends).

    With ``conditions_only``, it is split where two lines cross in a condition, and nowhere else.
    """
    decided: set[int] = set()
    jumps: set[int] = set()
    for part in formula.walk(curve):
        found = _crossed(part) if conditions_only else _jumps(part, length)
        if found is not None:
            decided.add(id(part))
            jumps.update(found)
    begins = [0, *sorted(jump for jump in jumps if 0 < jump < (length or LAST_TICK))]
    for begin, end in pairwise([*begins, length]):
        assert begin is not None
        yield begin, end, _decide(curve, float(begin), decided)


def period_of(e: Expr) -> tuple[int, Fraction] | None:
    """``(offset, period)`` of ``⌊(t + offset)/period⌋``, or of its remainder, in whole numbers."""
    numerator = denominator = 1
    match e:
        case Apply("floordiv" | "mod", (x, Number(number))) if number > 0 and number.is_integer():
            inside, numerator = x, int(number)
        case Apply("floor", (Apply("div", (x, Number(number))),)) if (
            number > 0 and number.is_integer()
        ):
            inside, numerator = x, int(number)
        case Apply("floor", (inside,)):
            pass
        case _:
            return None
    match inside:
        case Apply("mul", (x, Number(number))) if number > 0 and number.is_integer():
            inside, denominator = x, int(number)
    period = _countable(Fraction(numerator, denominator))
    match inside:
        case _ if inside == T:
            return 0, period
        case Apply("add", (x, Number(number))) if x == T and number.is_integer():
            return int(number), period
    return None


def _countable(period: Fraction) -> Fraction:
    """The period, or where it has too many digits for 32 bits, the nearest one that has not."""
    if period.denominator == 1 or (period.numerator < 2**30 and period.denominator <= 2**20):
        return period
    return period.limit_denominator(max(1, min(2**20, int(2**30 / period))))


def _jumps(e: Expr, length: int | None) -> list[int] | None:
    """The ticks at which a condition, a floor or a constant changes; None if they aren't known."""
    match e:
        case Lookup(x, edges, _):
            line = pair(x, T)
            if line is not None and line[0] > 0:
                return [_first(x, edge, line) for edge in edges]
        case Apply("floor" | "floordiv" | "mod", _) if period_of(e) is not None:
            return None
        case Apply("floor" | "ceil" | "floordiv" | "mod"):
            pass
        case Apply(op) if op in COMPARISONS:
            crossed = _crossed(e)
            if crossed is not None:
                return crossed
        case _:
            return None
    return None if length is None or length > MOST_TICKS else _tried(e, length)


def _near(root: float) -> int:
    return math.floor(min(max(root, -1.0), float(LAST_TICK)))


def _first(x: Expr, edge: float, line: tuple[float, float]) -> int:
    """The first tick at which a growing line has reached the edge."""
    slope, constant = line
    tick = _near((edge - constant) / slope) - 2
    while value(x, {"t": float(tick)}) < edge:
        tick += 1
    return tick


def _crossed(e: Expr) -> list[int] | None:
    """The ticks at which a comparison of lines changes; None if this is none."""
    if not (isinstance(e, Apply) and e.op in COMPARISONS):
        return None
    line = pair(formula.sub(*e.args), T)
    return None if line is None else _crossings(e, *line)


def _crossings(condition: Expr, slope: float, constant: float) -> list[int]:
    """The ticks at which it changes, which are near the root."""
    if not slope:
        return []
    near = _near(-constant / slope)
    ticks = range(near - 2, near + 5)
    held = [bool(value(condition, {"t": float(tick)})) for tick in ticks]
    return [tick for tick, (a, b) in zip(ticks[1:], pairwise(held), strict=True) if a != b]


def _tried(e: Expr, length: int) -> list[int] | None:
    import numpy as np

    with np.errstate(all="ignore"):
        values = np.broadcast_to(block(e, {"t": np.arange(float(length))}), (length,))
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return None if len(changes) > MOST_JUMPS else [int(tick) for tick in changes]


def _decide(e: Expr, t: float, decided: set[int]) -> Expr:
    """The formula with what is decided put in."""
    if id(e) in decided:
        return Number(float(value(e, {"t": t})))
    match e:
        case Apply("where", (condition, x, y)):
            chosen = _decide(condition, t, decided)
            if isinstance(chosen, Number):
                return _decide(x if chosen.value else y, t, decided)
            return formula.where(chosen, _decide(x, t, decided), _decide(y, t, decided))
        case Apply("not", (x,)):
            part = _decide(x, t, decided)
            return (
                Number(float(not part.value)) if isinstance(part, Number) else Apply("not", (part,))
            )
        case Apply("and" | "or" as op, (x, y)):
            for one, other in ((x, y), (y, x)):
                part = _decide(one, t, decided)
                if isinstance(part, Number):
                    decides = bool(part.value) == (op == "or")
                    return part if decides else _decide(other, t, decided)
            return Apply(op, (_decide(x, t, decided), _decide(y, t, decided)))
        case _:
            return formula.rebuild(e, lambda part: _decide(part, t, decided))
