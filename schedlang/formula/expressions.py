"""The arithmetic of all curves: the parts of a formula.

A formula is an expression over ``t``, the ticks since its phase began. It is data, built with
Python's operators and the functions below. A target that evaluates or prints these few operations
supports every phase.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

Operation: TypeAlias = Literal[
    "add", "sub", "mul", "div", "floordiv", "mod", "pow", "neg",
    "sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil", "abs",
    "min", "max", "where",
    "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not",
]  # fmt: skip
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


class _Arithmetic:
    """Python's operators, which build expressions."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Expr:
        return add(self, other)

    def __radd__(self, other: Operand) -> Expr:
        return add(other, self)

    def __sub__(self, other: Operand) -> Expr:
        return sub(self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return sub(other, self)

    def __mul__(self, other: Operand) -> Expr:
        return mul(self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return mul(other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return div(self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return div(other, self)

    def __pow__(self, other: Operand) -> Expr:
        return power(self, other)

    def __rpow__(self, other: Operand) -> Expr:
        return power(other, self)

    def __neg__(self) -> Expr:
        return Apply("neg", (expr(self),))


@dataclass(frozen=True, slots=True)
class Number(_Arithmetic):
    """A constant double."""

    value: float


@dataclass(frozen=True, slots=True)
class Symbol(_Arithmetic):
    """A quantity that is known later: ``t``, ``base``, or a number of a table."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply(_Arithmetic):
    """An operation on its arguments."""

    op: Operation
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Lookup(_Arithmetic):
    """``values[number of edges that x has reached]``, with one more value than edges."""

    x: Expr
    edges: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Named(_Arithmetic):
    """A quantity with a name, such as the ``progress`` of a ramp, and its value."""

    name: str
    value: Expr


Expr: TypeAlias = Number | Symbol | Apply | Lookup | Named
Operand: TypeAlias = "_Arithmetic | float | Fraction"

T = Symbol("t")
LAST_TICK = 2**53
"""The largest tick: not every larger integer is a double."""
BASE = Symbol("base")
LEVEL = "level_"
"""The prefix of symbols for levels that are not of the form ``relative·base + absolute``."""
PI = Number(math.pi)
ZERO = Number(0.0)
ONE = Number(1.0)


def depends_on_base(name: str) -> bool:
    """Whether a symbol is the base rate or a level that depends on it."""
    return name == BASE.name or name.startswith(LEVEL)


def expr(value: Operand) -> Expr:
    """The operand as an expression; a number becomes the nearest double."""
    if isinstance(value, _Arithmetic):
        return value  # type: ignore[return-value]  # it is an instance of one of the five classes
    return Number(float(value))


def add(x: Operand, y: Operand) -> Expr:
    """``x + y``, without an operand that is 0."""
    x, y = expr(x), expr(y)
    if x == ZERO:
        return y
    return x if y == ZERO else Apply("add", (x, y))


def sub(x: Operand, y: Operand) -> Expr:
    """``x - y``, or ``x`` if ``y`` is 0."""
    x, y = expr(x), expr(y)
    return x if y == ZERO else Apply("sub", (x, y))


def mul(x: Operand, y: Operand) -> Expr:
    """``x * y``, without an operand that is 1."""
    x, y = expr(x), expr(y)
    if x == ONE:
        return y
    return x if y == ONE else Apply("mul", (x, y))


def div(x: Operand, y: Operand) -> Expr:
    """``x / y``, or ``x`` if ``y`` is 1."""
    x, y = expr(x), expr(y)
    return x if y == ONE else Apply("div", (x, y))


def power(x: Operand, y: Operand) -> Expr:
    """``x`` to the power of ``y``, or ``x`` if ``y`` is 1."""
    x, y = expr(x), expr(y)
    return x if y == ONE else Apply("pow", (x, y))


def _function(op: Operation) -> Callable[[Operand], Expr]:
    def call(x: Operand) -> Expr:
        return Apply(op, (expr(x),))

    call.__name__ = call.__qualname__ = op
    call.__doc__ = f"``{op}(x)``."
    return call


sin = _function("sin")
cos = _function("cos")
tan = _function("tan")
tanh = _function("tanh")
exp = _function("exp")
log = _function("log")
sqrt = _function("sqrt")
floor = _function("floor")
ceil = _function("ceil")


def minimum(x: Operand, y: Operand) -> Expr:
    """The smaller of two."""
    return Apply("min", (expr(x), expr(y)))


def maximum(x: Operand, y: Operand) -> Expr:
    """The larger of two."""
    return Apply("max", (expr(x), expr(y)))


def less(x: Operand, y: Operand) -> Expr:
    """Whether ``x < y``, for `where`."""
    return Apply("lt", (expr(x), expr(y)))


def at_most(x: Operand, y: Operand) -> Expr:
    """Whether ``x <= y``, for `where`."""
    return Apply("le", (expr(x), expr(y)))


def where(condition: Expr, x: Operand, y: Operand) -> Expr:
    """``x`` if the condition holds, else ``y``; the other one is ignored."""
    return Apply("where", (condition, expr(x), expr(y)))


def per(x: Operand, period: Fraction) -> Expr:
    """``x / period``, computed so that an integer quotient of integers is exact.

    A period such as 2/3 is not a double; its numerator and denominator are.
    """
    return div(mul(x, period.denominator), period.numerator)


def rounds(x: Operand, period: Fraction) -> Expr:
    """``⌊x / period⌋``, exact for an integer ``x`` if ``x·denominator`` is below 2^53."""
    return Apply("floordiv", (mul(x, period.denominator), expr(period.numerator)))


def within(x: Operand, period: Fraction) -> Expr:
    """``x mod period`` in parts of ``1 / period.denominator``: exact where `rounds` is."""
    return Apply("mod", (mul(x, period.denominator), expr(period.numerator)))


def children(e: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions."""
    match e:
        case Apply():
            return e.args
        case Lookup():
            return (e.x,)
        case Named():
            return (e.value,)
        case Number() | Symbol():
            return ()


def rebuild(e: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with each direct child changed."""
    match e:
        case Apply(op, args):
            return Apply(op, tuple(map(change, args)))
        case Lookup(x, edges, values):
            return Lookup(change(x), edges, values)
        case Named(name, value):
            return Named(name, change(value))
        case Number() | Symbol():
            return e


def substitute(e: Expr, names: Mapping[str, Expr]) -> Expr:
    """The expression with symbols replaced."""
    if isinstance(e, Symbol):
        return names.get(e.name, e)
    return rebuild(e, lambda child: substitute(child, names))


def walk(e: Expr) -> Iterator[Expr]:
    """The expression and all its subexpressions, outermost first."""
    yield e
    for child in children(e):
        yield from walk(child)


def symbols(e: Expr) -> set[str]:
    """The names of the symbols in the expression."""
    return {part.name for part in walk(e) if isinstance(part, Symbol)}


def skeleton(e: Expr) -> tuple[Expr, tuple[float, ...]]:
    """The expression with its numbers replaced by symbols ``c0, c1, …``, and the numbers.

    Formulas that differ only in their numbers have the same skeleton: it is compiled once, and
    pieces that share one are evaluated together. A divisor of 0 is not replaced.
    """
    numbers: list[float] = []

    def take(part: Expr) -> Expr:
        if isinstance(part, Number):
            numbers.append(part.value)
            return Symbol(f"c{len(numbers) - 1}")
        if isinstance(part, Apply) and part.op == "div" and part.args[1] == ZERO:
            return Apply("div", (take(part.args[0]), ZERO))
        return rebuild(part, take)

    return take(e), tuple(numbers)


def affine(e: Expr, base: Symbol = BASE) -> tuple[Expr, Expr] | None:
    """``(relative, absolute)``: ``e = relative·base + absolute`` for every base ≥ 0; else None."""
    match e:
        case Number():
            return ZERO, e
        case Symbol(name):
            if e == base:
                return ONE, ZERO
            return None if name.startswith(LEVEL) else (ZERO, e)
        case Lookup():
            return None if any(map(depends_on_base, symbols(e))) else (ZERO, e)
        case Named(name, value):
            inside = affine(value, base)
            if inside is None or inside[0] != ZERO:
                return inside
            return ZERO, Named(name, inside[1])
        case Apply(op, args):
            parts = []
            for arg in args:
                part = affine(arg, base)
                if part is None:
                    return None
                parts.append(part)
            if all(relative is ZERO for relative, _ in parts):
                left = tuple(absolute for _, absolute in parts)  # the base cancels out
                return ZERO, e if left == args else Apply(op, left)
            return _affine(op, parts)


def _affine(op: Operation, parts: list[tuple[Expr, Expr]]) -> tuple[Expr, Expr] | None:
    relative, absolute = zip(*parts, strict=True)
    match op:
        case "add":
            return relative[0] + relative[1], absolute[0] + absolute[1]
        case "sub":
            return _minus(*relative), _minus(*absolute)
        case "neg":
            return -relative[0], -absolute[0]
        case "mul" if relative[1] == ZERO:
            return _times(relative[0], absolute[1]), _times(absolute[0], absolute[1])
        case "mul" if relative[0] == ZERO:
            return _times(absolute[0], relative[1]), _times(absolute[0], absolute[1])
        case "div" if relative[1] == ZERO:
            return _over(relative[0], absolute[1]), _over(absolute[0], absolute[1])
        case "min" | "max" if absolute[0] == absolute[1] == ZERO:
            return Apply(op, relative), ZERO
        case "where" if relative[0] == ZERO:
            return _chosen(absolute[0], *relative[1:]), _chosen(absolute[0], *absolute[1:])
        case _:
            return None


def _chosen(condition: Expr, x: Expr, y: Expr) -> Expr:
    return x if x == y else where(condition, x, y)


def _minus(x: Expr, y: Expr) -> Expr:
    return ZERO if x == y else x - y


def _times(x: Expr, y: Expr) -> Expr:
    return ZERO if ZERO in (x, y) else x * y


def _over(x: Expr, y: Expr) -> Expr:
    return ZERO if x == ZERO else x / y
