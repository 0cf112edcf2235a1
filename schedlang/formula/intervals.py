"""Interval arithmetic: where formulas may raise in Python, and where they may not be finite.

Formulas use IEEE arithmetic, in which 1/0 is infinite, while Python raises. Intervals are
propagated through a formula, so that emitted source has plain operators wherever they cannot
raise, and a helper function elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

from schedlang.formula.expressions import (
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    Operation,
    Symbol,
    rebuild,
    walk,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval of possible values; if an end is infinite, the value may also be nan."""

    low: float
    high: float
    whole: bool = False

    @property
    def finite(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


ANYTHING = Interval(-math.inf, math.inf)
CONDITION = Interval(0, 1)
PROGRESS = Interval(0, 1)
HUGE = 1e300
LARGEST_FLOAT32 = 1e37
"""Values below this are finite in single precision."""
OPPOSITE: dict[Operation, Operation] = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
MIRROR: dict[Operation, Operation] = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def interval_of(e: Expr, names: Mapping[str, Interval], unsafe: set[Expr]) -> Interval:
    """The interval of an expression; parts that might raise are added to ``unsafe``."""
    match e:
        case Number(value):
            return (
                Interval(value, value, value == math.floor(value))
                if math.isfinite(value)
                else ANYTHING
            )
        case Symbol(name):
            return names[name]
        case Named(name, inner):
            found = interval_of(inner, names, unsafe)
            return PROGRESS if name in {"progress", "left"} else found
        case Lookup(x, _, values):
            interval_of(x, names, unsafe)
            return Interval(min(values), max(values), all(v == math.floor(v) for v in values))
        case Apply("where", (condition, yes, no)):
            interval_of(condition, names, unsafe)
            a = interval_of(yes, narrowed(condition, names, holds=True), unsafe)
            b = interval_of(no, narrowed(condition, names, holds=False), unsafe)
            return Interval(min(a.low, b.low), max(a.high, b.high), a.whole and b.whole)
        case Apply(op, args):
            ranges = [interval_of(arg, names, unsafe) for arg in args]
            result = _apply(op, ranges)
            if result is None:
                unsafe.add(e)
                return ANYTHING
            return result if result.finite else ANYTHING


def _apply(op: Operation, args: list[Interval]) -> Interval | None:
    """The interval of an operation; None if it might raise, or differ from IEEE's result."""
    x, y = args[0], args[-1]
    whole = all(arg.whole for arg in args)
    match op:
        case "add":
            return Interval(x.low + y.low, x.high + y.high, whole)
        case "sub":
            return Interval(x.low - y.high, x.high - y.low, whole)
        case "mul":
            return _corners(
                [a * b for a, b in product((x.low, x.high), (y.low, y.high))], whole=whole
            )
        case "div":
            if y.low <= 0 <= y.high:
                return None
            return _corners([a / b for a, b in product((x.low, x.high), (y.low, y.high))])
        case "floordiv" | "mod" if y.low <= 0:
            return None
        case "floordiv":
            return Interval(x.low // y.low, x.high // y.low, whole=True)
        case "mod":
            return Interval(0, y.high, whole)
        case "neg":
            return Interval(-x.high, -x.low, whole)
        case "abs":
            low = 0.0 if x.low <= 0 <= x.high else min(abs(x.low), abs(x.high))
            return Interval(low, max(abs(x.low), abs(x.high)), whole)
        case "pow":
            return _power(x, y)
        case "exp":
            return (
                Interval(math.exp(x.low), math.exp(x.high)) if x.finite and x.high < 690 else None
            )
        case "log":
            return Interval(math.log(x.low), math.log(x.high)) if x.finite and x.low > 0 else None
        case "sqrt":
            return (
                Interval(math.sqrt(x.low), math.sqrt(x.high)) if x.finite and x.low >= 0 else None
            )
        case "sin" | "cos":
            return Interval(-1, 1) if x.finite else None
        case "tan":
            return Interval(-1e17, 1e17) if x.finite else None
        case "tanh":
            return Interval(-1, 1) if x.finite else ANYTHING
        case "floor" | "ceil":
            if not x.finite:
                return None
            return Interval(math.floor(x.low), math.ceil(x.high), whole=True)
        case "min":
            return Interval(min(x.low, y.low), min(x.high, y.high), whole) if _known(x, y) else None
        case "max":
            return Interval(max(x.low, y.low), max(x.high, y.high), whole) if _known(x, y) else None
        case _:
            return CONDITION


def _known(*ranges: Interval) -> bool:
    return all(r.finite for r in ranges)


def _corners(values: list[float], *, whole: bool = False) -> Interval:
    return (
        ANYTHING
        if any(math.isnan(v) for v in values)
        else Interval(min(values), max(values), whole)
    )


def _power(x: Interval, y: Interval) -> Interval | None:
    if not _known(x, y):
        return None
    if x.low < 0:
        if y.low != y.high or not y.whole or y.low < 0:
            return None
        most = _raised(max(-x.low, x.high), y.low)
        return None if most is None else Interval(0.0 if y.low % 2 == 0 else -most, most, x.whole)
    if x.low == 0 and y.low < 0:
        return None
    values = [_raised(a, b) for a, b in product((x.low, x.high), (y.low, y.high))]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return Interval(min(known), max(known), x.whole and y.whole and y.low >= 0)


def _raised(x: float, y: float) -> float | None:
    try:
        value = math.pow(x, y)
    except OverflowError:
        return None
    return value if value < HUGE else None


def narrowed(
    condition: Expr, names: Mapping[str, Interval], *, holds: bool
) -> Mapping[str, Interval]:
    """The intervals of the names where a condition holds, or where it does not."""
    match condition:
        case Apply("not", (inner,)):
            return narrowed(inner, names, holds=not holds)
        case Apply("and" | "or" as op, (a, b)) if holds == (op == "and"):
            return narrowed(b, narrowed(a, names, holds=holds), holds=holds)
        case Apply(op, (Number() as number, Symbol() as symbol)) if op in MIRROR:
            mirrored = Apply(MIRROR[op], (symbol, number))
            return narrowed(mirrored, names, holds=holds)
        case Apply(op, (Symbol(name), Number(value))) if op in OPPOSITE and names[name].whole:
            known = names[name]
            match op if holds else OPPOSITE[op]:
                case "lt":
                    known = replace(known, high=min(known.high, math.ceil(value) - 1))
                case "le":
                    known = replace(known, high=min(known.high, math.floor(value)))
                case "gt":
                    known = replace(known, low=max(known.low, math.floor(value) + 1))
                case _:
                    known = replace(known, low=max(known.low, math.ceil(value)))
            return {**names, name: known} if known.low <= known.high else names
        case Apply("eq" | "ne" as op, (Symbol(name), Number(value))) if names[name].whole:
            known = names[name]
            if holds == (op == "eq"):
                return names
            if known.low == value < known.high:
                return {**names, name: replace(known, low=value + 1)}
            return names
        case _:
            return names


def stays_finite(e: Expr, ranges: Mapping[str, Interval]) -> bool:
    """Whether the formula and its derivative are finite in single precision on these intervals.

    Nothing is assumed of named quantities, such as that a progress is between 0 and 1.
    """
    e = _without_names(e)
    unsafe: set[Expr] = set()
    found = interval_of(e, ranges, unsafe)
    steep = (
        interval_of(part.args[0], ranges, unsafe).low <= 0
        for part in walk(e)
        if isinstance(part, Apply) and (part.op == "sqrt" or _is_root(part))
    )
    return not (unsafe or any(steep)) and max(-found.low, found.high) < LARGEST_FLOAT32


def _is_root(e: Apply) -> bool:
    return e.op == "pow" and not (isinstance(e.args[1], Number) and e.args[1].value >= 1)


def _without_names(e: Expr) -> Expr:
    return _without_names(e.value) if isinstance(e, Named) else rebuild(e, _without_names)
