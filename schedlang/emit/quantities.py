"""Formulas taken apart into what a person would name: the ticks, the progress, the cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from schedlang.formula import expressions as formula
from schedlang.formula.expressions import PI, Apply, Expr, Number, Symbol, T, rebuild, walk
from schedlang.program.program import Piece

SIDES = ("first", "second", "third")
"""What the curves of a formula are called that follow each other."""


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


def named(e: Expr, ticks: Expr | None, *, counting: bool = False) -> Quantities:
    """A formula whose telling parts have names.

    Args:
        e: a formula over ``t``.
        ticks: the T of its phase, if that has one.
        counting: whether every cycle that is counted gets a name.
    """
    quantities = Quantities(e)
    while (position := next(_positions(quantities.result), None)) is not None:
        _, _, denominator = is_remainder(position) or (position, 1, 1)
        quantities.name(position, "position" if denominator == 1 else "since")
    while counting and (cycle := next(filter(is_quotient, walk(quantities.result)), None)):
        quantities.name(cycle, "cycle")
    for inner, name in list(_progress(quantities.result, ticks)):
        if inner != quantities.result:
            quantities.name(inner, name)
    while (again := _repeated(quantities.result)) is not None:
        is_cycle = isinstance(again, Apply) and again.op == "floor"
        quantities.name(again, "cycle" if is_cycle else "x")
    return quantities


def ticks_of(piece: Piece) -> Expr | None:
    """The T of a piece's phase, if it has one."""
    ticks = piece.facts.get("T")
    return None if ticks is None else Number(float(ticks))


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


def _progress(e: Expr, ticks: Expr | None) -> Iterator[tuple[Expr, str]]:
    """The quotients of which a phase is a function: t/T, what is left of it, and the turn of π."""
    seen: set[Expr] = set()
    for part in walk(e):
        name = "p"
        match part:
            case Apply("mul", (number, Apply("div", _) as inner)) if number == PI:
                found: Expr = inner
            case Apply("div", (Symbol() | Apply("add", (Symbol(), Number())), n)) if n == ticks:
                found = part
            case Apply("div", (Apply("sub", (m, Symbol())), n)) if m == n == ticks:
                found, name = part, "left"
            case _:
                continue
        if found not in seen:
            seen.add(found)
            yield found, name


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


def side_of(e: Expr, part: Expr) -> str | None:
    """Which of several curves, one after the other in a formula, this part is, if it is one."""
    for choice in walk(e):
        sides = list(_sides(choice))
        if part in sides[: len(SIDES)] and len(sides) > 1:
            return SIDES[sides.index(part)]
    return None


def _sides(e: Expr) -> Iterator[Expr]:
    """The curves of ``A if t < a else B if t < b else C``, in their order."""
    match e:
        case Apply("where", (Apply("lt" | "le", (x, _)), yes, no)) if x == T:
            yield yes
            yield from _sides(no)
        case _:
            yield e
