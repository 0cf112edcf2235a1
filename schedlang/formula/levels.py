"""Levels, which are expressions of the base rate, and conditions between them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isclose
from typing import NamedTuple

from schedlang.errors import Mistake, Path
from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import fold_constants, value
from schedlang.formula.expressions import BASE, ZERO, Apply, Expr, Lookup, Named, Number, Symbol, T

TOLERANCE = 1e-12
"""Levels with a smaller relative difference are equal: 10% of 0.1 is not exact in doubles."""


def pair(level: Expr, base: Symbol = BASE) -> tuple[float, float] | None:
    """``(relative, absolute)`` of a level ``relative·base + absolute``; else None."""
    match level:
        case Number(absolute):
            return 0.0, absolute
        case Symbol(name) if name == base.name:
            return 1.0, 0.0
        case Apply("mul", (Number(relative), Symbol(name))) if name == base.name:
            return relative, 0.0
    parts = formula.affine(level, base)
    if parts is None or any(map(formula.symbols, parts)):
        return None
    relative, absolute = (value(part, {}) for part in parts)
    return relative, absolute


def compare_levels(x: Expr, y: Expr) -> float | None:
    """Negative, 0 or positive as ``x`` is below, at or above ``y``; None if the base decides."""
    match pair(x), pair(y):
        case (a, 0.0), (b, 0.0):
            pass
        case (0.0, a), (0.0, b):
            pass
        case _:
            return None
    return 0.0 if isclose(a, b, rel_tol=TOLERANCE) else a - b


def above(x: Expr, y: Expr) -> Expr:
    """The condition that ``x`` is above ``y`` by more than `TOLERANCE`; no level is negative."""
    return formula.less(TOLERANCE * formula.maximum(x, y), x - y)


class Check(NamedTuple):
    """A condition that a base rate must satisfy, if the levels alone do not decide it.

    Attributes:
        fails: a condition over the base (and over ``t``, where ``ticks`` are given).
        mistake: the mistake if it fails; its message has placeholders for ``shown`` or ``{tick}``.
        shown: the values that the message names.
        ticks: the ticks of the phase at which the condition is evaluated.
    """

    fails: Expr
    mistake: Mistake
    shown: tuple[tuple[str, Expr], ...] = ()
    ticks: tuple[int, ...] = (0,)

    def under(self, path: Path) -> Check:
        """The check with a prefix added to the path of its mistake."""
        return self._replace(mistake=self.mistake.under(path))

    def failure(self, names: Mapping[str, float]) -> Mistake | None:
        """The mistake for a base rate (and the levels that depend on it), if there is one."""
        for tick in self.ticks:
            here = {**names, "t": float(tick)}
            if value(self.fails, here):
                found = {name: f"{value(e, here):.6g}" for name, e in self.shown}
                message = self.mistake.message.format(tick=tick, **found)
                return self.mistake._replace(message=message)
        return None


@lru_cache(maxsize=1024)
def of_pair(relative: float, absolute: float) -> Expr:
    """The level ``relative·base + absolute``; equal numbers give the same object."""
    if not relative:
        return Number(absolute) if absolute else ZERO
    share = BASE if relative == 1 else Apply("mul", (Number(relative), BASE))
    return Apply("add", (share, Number(absolute))) if absolute else share


def times(level: Expr, share: Expr) -> Expr:
    """The level times a share, which is usually a number."""
    parts = pair(level) if isinstance(share, Number) else None
    if parts is None or not isinstance(share, Number):
        return formula.mul(level, share)
    return of_pair(parts[0] * share.value, parts[1] * share.value)


def normal(level: Expr) -> Expr:
    """The level as ``relative·base + absolute``, if it is of that form."""
    parts = formula.affine(level)
    if parts is None:
        return level
    relative, absolute = (
        fold_constants(part) if formula.symbols(part) else Number(value(part, {})) for part in parts
    )
    share = ZERO if relative == ZERO else relative * BASE
    return share if absolute == ZERO else share + absolute


def at_tick(e: Expr, t: float, *, left: bool) -> Expr:
    """The expression at a tick, or its limit from the left there; the base stays a symbol."""
    match e:
        case Number():
            return e
        case Symbol():
            return Number(t) if e == T else e
        case Named(_, inner):
            return at_tick(inner, t, left=left)
        case Apply("where", (condition, x, y)):
            chosen = at_tick(condition, t, left=left)
            if isinstance(chosen, Number):
                return at_tick(x if chosen.value else y, t, left=left)
            return formula.where(chosen, at_tick(x, t, left=left), at_tick(y, t, left=left))
        case Apply() | Lookup():
            here = formula.rebuild(e, lambda part: at_tick(part, t, left=left))
            parts = formula.children(here)
            if all(isinstance(part, Number) for part in parts):
                return Number(float(value(here, {}, left=left)))
            if isinstance(here, Apply) and here.op == "mul" and ZERO in parts:
                return ZERO
            return here


def shown(level: Expr) -> str:
    """The level as a message shows it."""
    match pair(level):
        case 0.0, number:
            return f"{number:.6g}"
        case share, 0.0:
            return f"{share:.6g}x"
    return "an unknown level"
