"""Splits a formula at its jumps into parts without a jump.

Conditions, floors and piecewise constants depend only on ``t``, so most of them are constant over
an interval of ticks and can be evaluated once. The remaining formula is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import block, value
from schedlang.formula.expressions import LAST_TICK, Apply, Expr, Lookup, Number, T
from schedlang.formula.levels import pair

MOST_TRIED_TICKS = 1 << 20
"""The maximum number of ticks that are tried one by one, for jumps that cannot be solved for."""
MOST_JUMPS = 4096
"""A formula with more jumps is not split; its conditions are evaluated at every tick."""
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


def split(
    curve: Expr, length: int | None, *, conditions_only: bool = False
) -> Iterator[tuple[int, int | None, Expr]]:
    """The parts ``(begin, end, formula)`` of a curve of ``length`` ticks (None: it never ends).

    With ``conditions_only``, it is split only where two lines cross in a condition.
    """
    resolved: set[int] = set()
    jumps: set[int] = set()
    for part in formula.walk(curve):
        found = _crossed(part) if conditions_only else _jumps(part, length)
        if found is not None:
            resolved.add(id(part))
            jumps.update(found)
    begins = [0, *sorted(jump for jump in jumps if 0 < jump < (length or LAST_TICK))]
    for begin, end in pairwise([*begins, length]):
        assert begin is not None
        yield begin, end, _resolve(curve, float(begin), resolved)


def period_of(e: Expr) -> tuple[int, Fraction] | None:
    """``(offset, period)`` of ``⌊(t + offset)/period⌋`` or its remainder, in integers."""
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
    """The period, or the nearest one whose numerator and denominator fit into 32 bits."""
    if period.denominator == 1 or (period.numerator < 2**30 and period.denominator <= 2**20):
        return period
    return period.limit_denominator(max(1, min(2**20, int(2**30 / period))))


def _jumps(e: Expr, length: int | None) -> list[int] | None:
    """The ticks at which a condition, floor or constant changes; None if they are not known."""
    match e:
        case Lookup(x, edges, _):
            linear = pair(x, T)
            if linear is not None and linear[0] > 0:
                return [_first(x, edge, linear) for edge in edges]
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
    return None if length is None or length > MOST_TRIED_TICKS else _found_by_trial(e, length)


def _near(root: float) -> int:
    return math.floor(min(max(root, -1.0), float(LAST_TICK)))


def _first(x: Expr, edge: float, linear: tuple[float, float]) -> int:
    """The first tick at which an increasing line has reached the edge."""
    slope, constant = linear
    tick = _near((edge - constant) / slope) - 2
    while value(x, {"t": float(tick)}) < edge:
        tick += 1
    return tick


def _crossed(e: Expr) -> list[int] | None:
    """The ticks at which a comparison of lines changes; None if ``e`` is not one."""
    if not (isinstance(e, Apply) and e.op in COMPARISONS):
        return None
    linear = pair(formula.sub(*e.args), T)
    return None if linear is None else _crossings(e, *linear)


def _crossings(condition: Expr, slope: float, constant: float) -> list[int]:
    """The ticks at which the condition changes, which are near the root."""
    if not slope:
        return []
    near = _near(-constant / slope)
    ticks = range(near - 2, near + 5)
    held = [bool(value(condition, {"t": float(tick)})) for tick in ticks]
    return [tick for tick, (a, b) in zip(ticks[1:], pairwise(held), strict=True) if a != b]


def _found_by_trial(e: Expr, length: int) -> list[int] | None:
    import numpy as np

    with np.errstate(all="ignore"):
        values = np.broadcast_to(block(e, {"t": np.arange(float(length))}), (length,))
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return None if len(changes) > MOST_JUMPS else [int(tick) for tick in changes]


def _resolve(e: Expr, t: float, resolved: set[int]) -> Expr:
    """The formula with its decided conditions, floors and constants replaced by their values."""
    if id(e) in resolved:
        return Number(float(value(e, {"t": t})))
    match e:
        case Apply("where", (condition, x, y)):
            chosen = _resolve(condition, t, resolved)
            if isinstance(chosen, Number):
                return _resolve(x if chosen.value else y, t, resolved)
            return formula.where(chosen, _resolve(x, t, resolved), _resolve(y, t, resolved))
        case Apply("not", (x,)):
            part = _resolve(x, t, resolved)
            return (
                Number(float(not part.value)) if isinstance(part, Number) else Apply("not", (part,))
            )
        case Apply("and" | "or" as op, (x, y)):
            for one, other in ((x, y), (y, x)):
                part = _resolve(one, t, resolved)
                if isinstance(part, Number):
                    decides = bool(part.value) == (op == "or")
                    return part if decides else _resolve(other, t, resolved)
            return Apply(op, (_resolve(x, t, resolved), _resolve(y, t, resolved)))
        case _:
            return formula.rebuild(e, lambda part: _resolve(part, t, resolved))
