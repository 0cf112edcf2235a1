"""Formulas taken apart into what a person would name: the ticks, the progress, the cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil

from schedlang import formula
from schedlang.emit.source import tidy
from schedlang.formula import PI, Apply, Expr, Lookup, Number, Symbol, T, rebuild, walk

MOST_BRANCHES = 8
"""Constants that are written as one ``if`` each, and not as a list."""


@dataclass
class Quantities:
    """A formula and what it is made of, in the order in which it is computed.

    Attributes:
        result: the formula in terms of the symbols defined.
        defined: symbols with their formulas.
    """

    result: Expr
    defined: list[tuple[str, Expr]] = field(default_factory=list)

    def name(self, part: Expr, wanted: str) -> None:
        """Give a part a name, wherever it stands."""
        taken = {name for name, _ in self.defined}
        name = next(
            n for n in (wanted, *(f"{wanted}_{i}" for i in range(2, 1000))) if n not in taken
        )
        symbol = Symbol(name)
        self.result = replaced(self.result, part, symbol)
        changed = [
            (n, e if is_remainder(e) else replaced(e, part, symbol)) for n, e in self.defined
        ]
        users = (i for i, (_, e) in enumerate(changed) if symbol in walk(e))
        changed.insert(next(users, len(changed)), (name, part))
        self.defined = changed


def named(e: Expr, ticks: float | None, *, counting: bool = False) -> Quantities:
    """A formula whose telling parts have names.

    Args:
        e: a formula over ``t``.
        ticks: the T of its phase, if that has one.
        counting: whether every cycle that is counted gets a name.
    """
    quantities = Quantities(e)
    while (position := next(_positions(quantities.result), None)) is not None:
        quantities.name(position, "position")
    while counting and (cycle := next(filter(is_quotient, walk(quantities.result)), None)):
        quantities.name(cycle, "cycle")
    for inner in list(_progress(quantities.result, ticks)):
        quantities.name(inner, "p")
    while (again := _repeated(quantities.result)) is not None:
        is_cycle = isinstance(again, Apply) and again.op == "floor"
        quantities.name(again, "cycle" if is_cycle else "x")
    return quantities


def is_remainder(e: Expr) -> tuple[Expr, int, int] | None:
    """``(x, numerator, denominator)`` if this is x modulo their quotient, else None."""
    match e:
        case Apply(
            "sub",
            (x, Apply("mul", (Apply("floor", (Apply("div", (over, Number(n))),)), Number(m)))),
        ):
            denominator = 1.0
            if over != x:
                match over:
                    case Apply("mul", (y, Number(d))) if y == x:
                        denominator = d
                    case _:
                        return None
            if n == int(n) and denominator == int(denominator) and n / denominator == m:
                return x, int(n), int(denominator)
    return None


def is_quotient(e: Expr) -> tuple[Expr, int] | None:
    """``(x, n)`` if this is ``x // n`` of whole numbers, else None."""
    match e:
        case Apply("floor", (Apply("div", (x, Number(n))),)) if n == int(n) and _counts(x):
            return x, int(n)
    return None


def _counts(e: Expr) -> bool:
    match e:
        case Number(value):
            return value == int(value)
        case Apply("add" | "sub" | "mul", args):
            return all(map(_counts, args))
    return e == T


def _positions(e: Expr) -> Iterator[Expr]:
    return (part for part in walk(e) if is_remainder(part) is not None)


def _progress(e: Expr, ticks: float | None) -> Iterator[Expr]:
    """The quotients of which a phase is a function: t/T, and what π is multiplied by."""
    seen: set[Expr] = set()
    for part in walk(e):
        match part:
            case Apply("mul", (number, Apply("div", _) as inner)) if number == PI:
                found: Expr = inner
            case Apply("div", (Symbol() | Apply("add", (Symbol(), Number())), Number(n))) if (
                n == ticks
            ):
                found = part
            case _:
                continue
        if found not in seen:
            seen.add(found)
            yield found


def _repeated(e: Expr) -> Expr | None:
    """The largest part that is computed more than once whatever happens."""
    counts = Counter(part for part in _always(e) if not isinstance(part, Number | Symbol))
    again = [
        part
        for part, count in counts.items()
        if count > 1 and formula.symbols(part) - {formula.BASE.name}
    ]
    return max(again, key=lambda part: sum(1 for _ in walk(part)), default=None)


def _always(e: Expr) -> Iterator[Expr]:
    """The parts of an expression outside the branches of a choice."""
    yield e
    inside = e.args[:1] if isinstance(e, Apply) and e.op == "where" else formula.children(e)
    for child in inside:
        yield from _always(child)


def replaced(e: Expr, part: Expr, other: Expr) -> Expr:
    """The expression with every such part replaced."""
    return other if e == part else rebuild(e, lambda child: replaced(child, part, other))


def skipping(e: Expr) -> tuple[Expr, int]:
    """The formula over ``t`` as the phase's own clock reads it, and what that reads at its begin.

    A phase with ``skip=5`` has ``t + 5`` in all places; it begins at 5 and goes on as if it
    always had been running.
    """
    shifts = {
        part
        for part in walk(e)
        if isinstance(part, Apply) and part.op == "add" and part.args[0] == T
    }
    match list(shifts):
        case [Apply("add", (_, Number(skip))) as shifted] if skip > 0 and skip == int(skip):
            rest = replaced(e, shifted, Symbol("shifted"))
            if T not in walk(rest):
                return formula.substitute(rest, {"shifted": T}), int(skip)
    return e, 0


def tidied(e: Expr) -> Expr:
    """The expression as one would write it: no rounding dust, no needless parentheses."""
    match e:
        case Number(value):
            return Number(tidy(value))
        case Lookup(x, edges, values):
            return Lookup(tidied(x), edges, tuple(map(tidy, values)))
        case _:
            return _simpler(rebuild(e, tidied))


def _simpler(e: Expr) -> Expr:
    match e:
        case Apply("mul", (Number(a), Number(b))):
            return Number(tidy(a * b))
        case Apply("mul", (x, Apply("mul", (y, z)))):  # x·(y·z)
            return _simpler(Apply("mul", (_simpler(Apply("mul", (x, y))), z)))
        case Apply("mul", (x, Apply("div", (y, Number(2.0) as half)))):  # x·(y/2)
            return _simpler(Apply("mul", (x, y))) / half
        case Apply("mul", (Number(1.0), x)) | Apply("mul", (x, Number(1.0))):
            return x
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
        case Apply(
            "add", (a, Apply("div", (Apply("mul", (Apply("sub", (b, c)), part)), Number(2.0))))
        ) if (
            a == c and isinstance(part, Apply) and part.op == "sub" and part.args[0] == formula.ONE
        ):
            return b + (a - b) * (1 + part.args[1]) / 2  # a + (b - a)·(1 - cos)/2
    return e


def lifted(e: Expr) -> Expr:
    """The expression with its choices outermost, where that keeps it short."""
    match e:
        case Lookup(x, edges, values) if x == T and len(edges) <= MOST_BRANCHES:
            chain: Expr = Number(values[-1])
            for edge, value in zip(reversed(edges), reversed(values[:-1]), strict=True):
                chain = formula.where(formula.less(x, ceil(edge)), value, chain)
            return chain
        case Apply("add" | "mul" as op, (x, y)):
            x, y = lifted(x), lifted(y)
            combine: Callable[[Expr, Expr], Expr] = _sum if op == "add" else _product
            if _is_choice(x) and isinstance(y, Number | Symbol):
                return _each(x, lambda value: combine(value, y))
            if _is_choice(y) and isinstance(x, Number | Symbol):
                return _each(y, lambda value: combine(x, value))
            if _is_choice(x) and _is_choice(y) and (both := _side_by_side(x, y, combine)):
                return both
            return Apply(op, (x, y))
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


def _product(x: Expr, y: Expr) -> Expr:
    if isinstance(x, Number) and isinstance(y, Number):
        return Number(tidy(x.value * y.value))
    return formula.mul(x, y) if formula.ZERO not in (x, y) else formula.ZERO


def _sum(x: Expr, y: Expr) -> Expr:
    if isinstance(x, Number) and isinstance(y, Number):
        return Number(tidy(x.value + y.value))
    return formula.add(x, y)
