"""Formulas rearranged for floats of 32 bits, which have seven digits to lose.

Close to its end a decay is the small difference of large numbers. The same values come from a
formula that starts from the smaller level: ``b + (a - b)·(1 - p)`` for ``a + (b - a)·p``, and
``cos²(π·p/2)`` for ``(1 + cos(π·p))/2``.
"""

from __future__ import annotations

from collections.abc import Callable

from schedlang.emit.tidied import factored, folded, oriented, scaled, size, tidied
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    ONE,
    Apply,
    Expr,
    Number,
    T,
    cos,
    maximum,
    rebuild,
    sin,
    symbols,
)
from schedlang.formula.notation import tidy
from schedlang.program.program import Piece

FAR = 2.0**31
TINY = 1e-37
"""A root is taken of at least this: at 0 its slope is infinite, in the branches not chosen too."""

NEAR_ZERO = 0.01
"""A level is near zero below this share of the other one. Above, two digits of seven are lost."""


def curve_of(piece: Piece) -> Expr:
    """A piece's formula as it is written for arrays; a user's own as it was."""
    curve = scaled(folded(piece.curve)) if piece.kind == "fn" else oriented(prepared(piece))
    if not symbols(curve):
        return Number(tidy(value(curve, {})))
    ends = (0.0, FAR if piece.end is None else float(piece.end - piece.begin))
    return rooted(curve, lambda x: any(value(x, {T.name: t, BASE.name: 1.0}) < TINY for t in ends))


def rooted(e: Expr, vanishes: Callable[[Expr], bool]) -> Expr:
    """The formula with each root kept away from 0 where what is below it vanishes."""
    match e:
        case Apply("sqrt", (x,)) if vanishes(x):
            return Apply("sqrt", (maximum(rooted(x, vanishes), TINY),))
        case Apply("pow", (x, Number(y))) if 0 < y < 1 and vanishes(x):
            return Apply("pow", (maximum(rooted(x, vanishes), TINY), Number(y)))
    return rebuild(e, lambda child: rooted(child, vanishes))


def prepared(piece: Piece) -> Expr:
    """A piece's formula, conditioned, in the one orientation that all phases of a kind have."""
    return conditioned(factored(tidied(piece.curve)))


def conditioned(e: Expr) -> Expr:
    """The formula as float32 keeps its digits."""
    return e if _stays_far(e) else tidied(_anchored(rebuild(_halves(e), conditioned)))


def _stays_far(e: Expr) -> bool:
    """Whether this moves between two levels neither of which is near zero."""
    match e:
        case Apply("add", (a, Apply("div", (Apply("mul", (Apply("sub", (b, c)), _)), _)))):
            pass
        case Apply("add", (a, Apply("mul", (Apply("sub", (b, c)), _)))):
            pass
        case _:
            return False
    low, high = sorted((size(a) or 0.0, size(b) or 0.0))
    return a == c and low >= NEAR_ZERO * high > 0


def _halves(e: Expr) -> Expr:
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


def _anchored(e: Expr) -> Expr:
    match e:
        case Apply("sub", (Number(1.0), Apply("div", (x, Number(n))))) if n > 0:
            return (n - x) / n
        case Apply("add", (a, Apply("mul", (Apply("sub", (b, c)), part)))) if a == c:
            first, second = size(a), size(b)
            if first is not None and second is not None and first > second:
                scaled = (a - b) * _rest(part)
                return scaled if second == 0 else b + scaled
        case Apply("mul", (Apply("sub", (x, Number(c))), Number(d))) if _is_whole(c * d):
            return x * d - float(round(c * d))  # (t - 0.8)·5 is 5·t - 4, which is exact
        case Apply("mul", (a, Apply("sub", _) as rest)):
            return Apply("mul", (a, _anchored(rest)))
    return e


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) <= 1e-9


def _rest(part: Expr) -> Expr:
    """What is missing to 1."""
    match part:
        case Apply("pow", (Apply("cos", (x,)), Number(2.0))):
            return sin(x) ** 2
        case Apply("pow", (Apply("sin", (x,)), Number(2.0))):
            return cos(x) ** 2
        case Apply("sub", (one, x)) if one == ONE:
            return x
    return _anchored(1 - part)
