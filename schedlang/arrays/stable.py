"""Formulas for single precision: the same values without differences of nearly equal numbers.

A float32 has seven digits. Near its end, a decay is the small difference of large numbers, which
has few correct digits. A formula that starts at the lower level gives the same values accurately:
``b + (a - b)·(1 - p)`` for ``a + (b - a)·p``, and ``cos²(x/2)`` for ``(1 + cos x)/2``. Both live
schedules and emitted source use the result of `stable`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    ONE,
    Apply,
    Expr,
    Named,
    Number,
    children,
    cos,
    maximum,
    rebuild,
    sin,
    sqrt,
    symbols,
)

TINY = 1e-37
"""The lower bound of a root's argument: its slope at 0 is infinite, even in a branch not taken."""
NEAR = 0.01
"""A ramp whose lower level is at least this share of the other loses at most two digits."""
_OTHER_SIDE = {"progress": "left", "left": "progress"}
_NO_SIZES: Mapping[str, float] = {}


def stable(e: Expr, sizes: Mapping[str, float] = _NO_SIZES, near: float = math.inf) -> Expr:
    """The formula without differences of nearly equal numbers; named quantities keep their names.

    Args:
        e: a formula.
        sizes: the approximate size of the base rate and the levels, by symbol.
        near: a ramp is not changed if its lower level is at least this share of the other; a ramp
            along a root, whose complement takes three more operations, from `NEAR` on.
    """

    def change(e: Expr) -> Expr:
        match e:
            case Apply("sub", (Number(1.0), part)):
                other = _wave(e) or one_minus(_halved(part))
                return rebuild(other, change) if _is_one_minus(other) else change(other)
            case Apply("sub", (a, Apply("mul", (b, part)))) if a == b:
                return _times(a, change(1 - part))
            case Apply("mul", (Apply("sub", (x, Number(c))), Number(d))) if _is_whole(c * d):
                return change(x) * d - float(round(c * d))  # (t - 0.8)·5 is 5·t - 4: exact
        ramp = _ramp(e)
        if ramp is not None:
            a, b, part = ramp
            first, last = _size(a, sizes), _size(b, sizes)
            if first is not None and last is not None:
                least = min(near, NEAR) if _is_root(part) else near
                if min(first, last) >= least * max(first, last) > 0:
                    return e
                if first > last:
                    return formula.add(b, _times(a - b, change(1 - part)))
        changed = rebuild(_wave(e) or _halved(e), change)
        match changed:
            case Apply("mul", (x, Apply("div") as quotient)) if quotient not in children(e):
                return _times(x, quotient)
        return changed

    return change(e)


def _is_root(e: Expr) -> bool:
    match e:
        case Apply("sqrt") | Apply("pow", (_, Number(0.5))):
            return True
        case _:
            return False


def _is_one_minus(e: Expr) -> bool:
    return isinstance(e, Apply) and e.op == "sub" and e.args[0] == ONE


def one_minus(part: Expr) -> Expr:
    """``1 - part``, accurate where it is small."""
    match part:
        case Named(name, inner) if name in _OTHER_SIDE:
            return Named(_OTHER_SIDE[name], one_minus(inner))
        case Apply("div", (x, Number(n))) if n > 0:
            return _less(n, x) / n
        case Apply("pow", (Apply("cos", (x,)), Number(2.0))):
            return sin(x) ** 2
        case Apply("pow", (Apply("sin", (x,)), Number(2.0))):
            return cos(x) ** 2
        case Apply("sqrt", (x,)) | Apply("pow", (x, Number(0.5))):
            return one_minus(x) / (1 + sqrt(x))
        case Apply("pow", (x, Number(2.0))):
            return one_minus(x) * (1 + x)
        case Apply("sub", (Number(1.0), x)):
            return x
    return 1 - part


def _times(x: Expr, y: Expr) -> Expr:
    """``x·y``, written without parentheses around a quotient."""
    return x * y.args[0] / y.args[1] if isinstance(y, Apply) and y.op == "div" else x * y


def _less(n: float, x: Expr) -> Expr:
    """``n - x``."""
    match x:
        case Apply("sub", (Number(m), y)) if m == n:
            return y
        case Apply("sub", (y, Number(c))):
            return (n + c) - y
        case Apply("add", (y, Number(c))):
            return (n - c) - y
    return n - x


def _ramp(e: Expr) -> tuple[Expr, Expr, Expr] | None:
    """``(a, b, part)`` of ``a + (b - a)·part``."""
    match e:
        case Apply("add", (a, Apply("mul", (Apply("sub", (b, c)), part)))) if a == c:
            return a, b, part
        case Apply("add", (a, Apply("div", (Apply("mul", (Apply("sub", (b, c)), x)), n)))) if (
            a == c
        ):
            return a, b, x / n
    return None


def _size(level: Expr, sizes: Mapping[str, float]) -> float | None:
    """The approximate size of a level; None if it changes with time or is not known."""
    return value(level, sizes) if symbols(level) <= sizes.keys() else None


def _halved(e: Expr) -> Expr:
    """``(1 ± cos x)/2``, or a multiple of it, as a square."""
    match e:
        case Apply("div", (Apply("mul", (x, wave)), Number(2.0))) if square := _square(wave):
            return x * square
        case Apply("div", (wave, Number(2.0))) if square := _square(wave):
            return square
    return e


def _square(wave: Expr) -> Expr | None:
    match wave:
        case Apply("add", (Number(1.0), Apply("cos", (x,)))):
            return cos(x / 2) ** 2
        case Apply("sub", (Number(1.0), Apply("cos", (x,)))):
            return sin(x / 2) ** 2
    return None


def _wave(e: Expr) -> Expr | None:
    """``c ± f·cos x`` as a level plus a multiple of a square, if the level is not negative."""
    match e:
        case Apply("add" | "sub" as op, (Number(c), y)) | Apply("add" as op, (y, Number(c))):
            pass
        case _:
            return None
    match y:
        case Apply("cos", (x,)):
            f = 1.0
        case Apply("mul", (Number(f), Apply("cos", (x,)))):
            pass
        case Apply("mul", (Apply("cos", (x,)), Number(f))):
            pass
        case Apply("div", (Apply("cos", (x,)), Number(n))) if n:
            f = 1 / n
        case _:
            return None
    f = f if op == "add" else -f
    low = c - abs(f)
    if low < -1e-12 * abs(f):
        return None
    square = 2 * abs(f) * (cos if f > 0 else sin)(x / 2) ** 2
    return square if low <= 1e-12 * abs(f) else low + square


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) <= 1e-9


def with_safe_roots(e: Expr, vanishes: Callable[[Expr], bool]) -> Expr:
    """The formula with the arguments of roots bounded below by `TINY` where they vanish."""
    match e:
        case Apply("sqrt", (x,)) if vanishes(x):
            return sqrt(maximum(with_safe_roots(x, vanishes), TINY))
        case Apply("pow", (x, Number(y))) if 0 < y < 1 and vanishes(x):
            return maximum(with_safe_roots(x, vanishes), TINY) ** y
    return rebuild(e, lambda part: with_safe_roots(part, vanishes))
