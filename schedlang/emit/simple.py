"""Formulas as written by hand: without rounding noise or factors of 1."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    ONE,
    ZERO,
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    Symbol,
    T,
    affine,
    children,
    rebuild,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.notation import tidy


def phase_formula(e: Expr) -> Expr:
    """A phase's formula; a share of the base becomes the base times a formula without it."""
    share = share_of(e) if BASE.name in symbols(e) else None
    if share is None:
        return _from_below(simplified(e))
    share = simplified(share)
    return share * BASE if isinstance(share, Number) else _product(BASE, _from_below(share))


def share_of(e: Expr) -> Expr | None:
    """The factor of the base in a formula proportional to it; None for other formulas."""
    parts = affine(e)
    if parts is None or parts[1] != ZERO:
        return None
    return substitute(e, {BASE.name: ONE})


def simplified(e: Expr) -> Expr:
    """The formula without rounding noise or redundant terms."""
    match e:
        case Number(number):
            return Number(tidy(number))
        case Lookup(_, (), (number,)):
            return Number(tidy(number))
        case Lookup(x, edges, values):
            return Lookup(simplified(x), edges, tuple(map(tidy, values)))
    e = rebuild(e, simplified)
    match e:
        case Named(_, Number() as inside):
            return inside
        case Apply(op, args) if op not in {"add", "sub"} and all(
            isinstance(arg, Number) for arg in args
        ):
            return _constant(e)
        case Apply("mul", (x, y)):
            return _product(x, y)
        case Apply("add", (x, Number(0.0))) | Apply("add", (Number(0.0), x)):
            return x
        case Apply(
            "add", (a, Apply("mul", (Apply("sub", (b, c)), Apply("sub", (Number(1.0), x)))))
        ) if a == c:
            return b + (a - b) * x
        case Apply("sub", (x, y)):
            return _difference(x, y)
    return e


def user_formula(e: Expr) -> Expr:
    """The base times a user's formula, which stays as written."""
    match e:
        case Apply("mul", (Number(1.0), x) | (x, Number(1.0))):
            return x
        case Apply("mul", (x, Apply("div", (Number(1.0), y)))):
            return x / y
    return e


def computed(e: Expr) -> Expr:
    """A user's formula, with its constant parts computed in doubles."""
    return _constant(e) if isinstance(e, Apply) and not symbols(e) else rebuild(e, computed)


def _constant(e: Expr) -> Expr:
    number = value(e, {})
    return Number(tidy(number)) if isfinite(number) else e


def without_skip(curve: Expr, skip: int) -> tuple[Expr, int]:
    """The formula over the phase's own clock, and the tick at which that clock starts."""
    if skip:
        own = replaced(curve, T + skip, Symbol("own"))
        if T not in walk(own):
            return replaced(own, Symbol("own"), T), skip
    return curve, 0


def _from_below(e: Expr) -> Expr:
    """The formula with its waves measured from the lower level, as in the papers."""
    match e:
        case Apply("add", (Number() as a, Apply("div", (Apply("mul", (way, wave)), n)))):
            match way, wave:
                case (
                    Apply("sub", (Number() as b, c)),
                    Apply("add" | "sub" as sign, (Number(1.0), x)),
                ) if a == c and b.value < a.value:
                    return b + (a - b) * (1 + x if sign == "sub" else 1 - x) / n
    return rebuild(e, _from_below)


def _product(x: Expr, y: Expr) -> Expr:
    match x, y:
        case (Number(0.0), _) | (_, Number(0.0)):
            return ZERO
        case (Number(1.0), z) | (z, Number(1.0)):
            return z
        case _, Apply("mul", (y, z)):
            return _product(_product(x, y), z)
        case _, Apply("div", (Number() as number, z)):
            return _product(x, number) / z
        case _, Apply("div", (z, Number(2.0) as half)):
            return _product(x, z) / half
    return Apply("mul", (x, y))


def _difference(x: Expr, y: Expr) -> Expr:
    if x == y:
        return ZERO
    match y:
        case Number(0.0):
            return x
        case Apply("mul", (z, share)) if z == x:  # x - x·share
            return _product(x, _difference(ONE, share))
        case Apply("div", (Apply("mul", (z, share)), n)) if z == x:
            return _product(x, _difference(ONE, share / n))
        case Apply("div", (Apply("sub", (Number(1.0), rest)), Number(2.0))) if x == ONE:
            return (1 + rest) / 2
    return Apply("sub", (x, y))


def replaced(e: Expr, part: Expr, other: Expr) -> Expr:
    """The formula with every occurrence of a part replaced."""
    return other if e == part else rebuild(e, lambda child: replaced(child, part, other))


# ------------------------------------------------------------------------------- quantities


def quantities_of(e: Expr) -> tuple[Named, ...]:
    """A formula's distinct named parts to compute beforehand, innermost first."""
    found: dict[Named, None] = {}

    def find(part: Expr) -> None:
        for child in children(part):
            find(child)
        if isinstance(part, Named) and part != e and isinstance(part.value, Apply | Lookup):
            found[part] = None

    find(e)
    return tuple(found)


def outside(e: Expr) -> Iterator[Expr]:
    """A formula and its parts outside named ones."""
    yield e
    for child in children(e):
        if not (isinstance(child, Named) and isinstance(child.value, Apply | Lookup)):
            yield from outside(child)
