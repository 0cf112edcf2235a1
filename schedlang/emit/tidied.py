"""Formulas as one would write them by hand: without dust, from the minimum, choices outermost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, isfinite

from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    ONE,
    ZERO,
    Apply,
    Expr,
    Lookup,
    Number,
    Operation,
    Symbol,
    T,
    affine,
    rebuild,
    substitute,
    symbols,
)
from schedlang.formula.notation import tidy

MOST_BRANCHES = 8
"""Constants that are written as one ``if`` each, and not as a list."""


def tidied(e: Expr) -> Expr:
    """The expression as one would write it: no rounding dust, no needless parentheses."""
    match e:
        case Number(value):
            return Number(tidy(value))
        case Lookup(_, (), (number,)):
            return Number(tidy(number))
        case Lookup(x, edges, values):
            chosen = Lookup(tidied(x), edges, tuple(map(tidy, values)))
            return _computed(chosen) if isinstance(chosen.x, Number) else chosen
        case _:
            return _simpler(rebuild(e, tidied))


def _simpler(e: Expr) -> Expr:
    match e:
        case Apply(op, args) if op not in {"add", "sub"} and all(
            isinstance(arg, Number) for arg in args
        ):
            return _computed(e)
        case Apply("pow", (Number(1.0), _)):
            return ONE
        case Apply("sub", (x, y)) if x == y:
            return ZERO
        case Apply("mul" | "div", (Number(0.0), _)) | Apply("mul", (_, Number(0.0))):
            return ZERO
        case Apply("add" | "sub", (x, Number(0.0))) | Apply("add", (Number(0.0), x)):
            return x
        case formula.Named(_, Number() as number):
            return number
        case Apply("mul", (x, Apply("mul", (y, z)))):  # x·(y·z)
            return _simpler(Apply("mul", (_simpler(Apply("mul", (x, y))), z)))
        case Apply("mul", (x, Apply("div", (y, Number(2.0) as half)))):  # x·(y/2)
            return _simpler(Apply("mul", (x, y))) / half
        case Apply("floor", (x,)) if x == T:  # the tick is whole
            return x
        case Apply("mul", (Number(1.0), x)) | Apply("mul", (x, Number(1.0))):
            return x
        case Apply("mul", (x, Apply("div", (Number(1.0), y)))):  # x·(1/y)
            return x / y
        case Apply("div", (Apply("mul", (Number(a), x)), Number(b))) if b not in {0.0, 2.0}:
            return Number(tidy(a / b)) * x
        case Apply("sub", (Number(1.0), Apply("sub", (Number(1.0), x)))):  # 1 - (1 - x)
            return x
        case Apply(
            "sub", (Number(1.0), Apply("div", (Apply("sub", (Number(1.0), x)), Number(2.0))))
        ):
            return (1 + x) / 2
        case Apply("sub", (a, Apply("mul", (b, x)))) if a == b:  # a - a·x
            return _simpler(Apply("mul", (a, _simpler(1 - x))))
        case Apply("sub", (a, Apply("div", (Apply("mul", (b, x)), n)))) if a == b:  # a - a·x/2
            return _simpler(Apply("mul", (a, _simpler(1 - x / n))))
        case Apply("add", (a, Apply("mul", (Apply("sub", (b, c)), Apply("sub", (one, x)))))) if (
            a == c and one == ONE
        ):
            return b + (a - b) * x  # a + (b - a)·(1 - x)
    return e


def oriented(e: Expr) -> Expr:
    """The expression with its waves measured from the lower level, as in the papers.

    ``a + (b - a)·(1 - cos)/2`` becomes ``b + (a - b)·(1 + cos)/2`` where it falls.
    """
    match e:
        case Apply("add", (a, Apply("div", (Apply("mul", (Apply("sub", (b, c)), wave)), n)))) if (
            a == c
        ):
            match wave:
                case Apply("sub", (Number(1.0), x)) if not _is_below(a, b):
                    return b + (a - b) * (1 + x) / n
                case Apply("add", (Number(1.0), x)) if _is_below(b, a):
                    return b + (a - b) * (1 - x) / n
    return rebuild(e, oriented)


def factored(e: Expr) -> Expr:
    """A share of the base as the base times a formula in which it does not occur."""
    parts = affine(e)
    if BASE.name not in symbols(e) or parts is None or parts[1] != ZERO:
        return e
    share = tidied(substitute(e, {BASE.name: ONE}))
    return share * BASE if isinstance(share, Number) else _simpler(BASE * share)


def _is_below(a: Expr, b: Expr) -> bool:
    low, high = size(a), size(b)
    return low is not None and high is not None and low < high


def size(level: Expr) -> float | None:
    """How large a level is, for a base of 1 where that is not known."""
    return value(level, {BASE.name: 1.0}) if symbols(level) <= {BASE.name} else None


def folded(e: Expr) -> Expr:
    """A user's own formula with what is constant in it computed by us, in doubles."""
    if isinstance(e, Apply) and not symbols(e):
        return _computed(e)
    return rebuild(e, folded)


def _computed(e: Expr) -> Expr:
    """A constant as its number, if it has one."""
    number = value(e, {})
    return Number(tidy(number)) if isfinite(number) else e


def scaled(e: Expr) -> Expr:
    """A base times a user's own formula, which itself is left as it was written."""
    match e:
        case Apply("mul", (Number(1.0), x)):
            return x
        case Apply("mul", (x, Apply("div", (Number(1.0), y)))):
            return x / y
    return e


def lifted(e: Expr) -> Expr:
    """The expression with its choices outermost, where that keeps it short."""
    match e:
        case Lookup(x, edges, values) if x == T and len(edges) <= MOST_BRANCHES:
            chain: Expr = Number(values[-1])
            for edge, before in zip(reversed(edges), reversed(values[:-1]), strict=True):
                chain = formula.where(formula.less(x, ceil(edge)), before, chain)
            return chain
        case Apply("add" | "mul" | "min" | "max" as op, (x, y)):
            x, y = lifted(x), lifted(y)
            combine = partial(_combined, op)
            if _is_choice(x) and isinstance(y, Number | Symbol):
                return _each(x, lambda value: combine(value, y))
            if _is_choice(y) and isinstance(x, Number | Symbol):
                return _each(y, lambda value: combine(x, value))
            if _is_choice(x) and _is_choice(y) and (both := _side_by_side(x, y, combine)):
                return both
            return scaled(Apply(op, (x, y)))
    return e


def _is_choice(e: Expr) -> bool:
    return isinstance(e, Apply) and e.op == "where"


def _each(e: Expr, change: Callable[[Expr], Expr]) -> Expr:
    match e:
        case Apply("where", (condition, yes, no)):
            return formula.where(condition, _each(yes, change), _each(no, change))
    return change(e)


def _side_by_side(x: Expr, y: Expr, combine: Callable[[Expr, Expr], Expr]) -> Expr | None:
    match x, y:
        case Apply("where", (c, a, b)), Apply("where", (d, e, f)) if c == d:
            yes, no = _side_by_side(a, e, combine), _side_by_side(b, f, combine)
            return None if yes is None or no is None else formula.where(c, yes, no)
        case (Number() | Symbol() | Apply(), Number() | Symbol() | Apply()):
            return None if _is_choice(x) or _is_choice(y) else combine(x, y)
    return None


def _combined(op: Operation, x: Expr, y: Expr) -> Expr:
    e = Apply(op, (x, y))
    if isinstance(x, Number) and isinstance(y, Number):
        return Number(tidy(value(e, {})))
    if op == "mul":
        return ZERO if ZERO in (x, y) else scaled(formula.mul(x, y))
    return formula.add(x, y) if op == "add" else e
