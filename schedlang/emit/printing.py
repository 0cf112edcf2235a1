"""Formulas as Python code: how each target spells each operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field

from schedlang.emit.code import (
    Code,
    attribute,
    call,
    choice,
    code,
    infix,
    inverse,
    listed,
    name,
    negative,
    number,
    subscript,
)
from schedlang.emit.helpers import GUARDS
from schedlang.formula.expressions import (
    LAST_TICK,
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    Operation,
    Symbol,
)
from schedlang.formula.notation import INFIX

_SAME_NAME: tuple[Operation, ...] = (
    "sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil",
)  # fmt: skip
LAST_INT32_TICK = 2**31 - 1
"""Array steps are 32-bit integers; an edge beyond this is never reached."""
_OF_COUNTS: set[Operation] = {"add", "sub", "lt", "le", "gt", "ge", "eq", "ne"}
"""The operations whose integer operands stay integers."""


@dataclass(frozen=True)
class Spelling:
    """How a target writes arithmetic.

    Attributes:
        functions: the operations written as calls; all others are operators or conditional
            expressions. ``pow`` is a call only if the exponent is not a whole number.
        pi: π.
        index: ``(edges, x)``: the number of edges that ``x`` has reached.
        take: ``(values, i)``: the list item at an index.
        full: ``(like, value)``: a constant array.
        real: an integer array as floats.
        divides_whole: whether integers divide to a float, of 32 bits in an array.
        scalar: whether it is plain Python arithmetic, which raises where IEEE does not.
        last_tick: the last tick it counts exactly.
    """

    functions: Mapping[str, str]
    pi: str
    index: Callable[[Code, Code], Code]
    take: Callable[[Code, Code], Code]
    full: Callable[[Code, Code], Code] = lambda _like, value: value
    real: Callable[[Code], Code] = lambda x: x
    divides_whole: bool = True
    scalar: bool = False
    last_tick: int = LAST_INT32_TICK


def _of_module(module: str, **others: str) -> dict[str, str]:
    """A module's functions: those named like the operations, and the others."""
    return {op: f"{module}.{op}" for op in _SAME_NAME} | {
        op: f"{module}.{text}" for op, text in others.items()
    }


_ARRAYS = {
    "abs": "abs",
    "min": "minimum",
    "max": "maximum",
    "where": "where",
    "clip": "clip",
    "and": "logical_and",
    "or": "logical_or",
    "not": "logical_not",
}
PYTHON = Spelling(
    functions={**_of_module("math", pow="pow"), "abs": "abs", "min": "min", "max": "max"},
    pi="math.pi",
    index=lambda edges, x: call("bisect_right", edges, x),
    take=subscript,
    scalar=True,
    last_tick=LAST_TICK,
)
JAX = Spelling(
    functions=_of_module("jnp", **_ARRAYS),
    pi="jnp.pi",
    index=lambda edges, x: call("jnp.searchsorted", call("jnp.array", edges), x, side='"right"'),
    take=lambda values, i: subscript(call("jnp.array", values), i),
    full=lambda like, value: call("jnp.full_like", like, value, dtype="float"),
    real=lambda x: call(attribute(x, "astype"), "float"),
)
KERAS = Spelling(
    functions=_of_module("ops", **_ARRAYS),
    pi="math.pi",
    index=lambda edges, x: call("_reached", edges, x),
    take=lambda values, i: call("ops.take", call("ops.array", values), i),
    full=lambda like, value: call("ops.full_like", like, value, dtype='"float32"'),
    real=lambda x: call("ops.cast", x, '"float32"'),
    divides_whole=False,
)


def counting(x: Expr, edges: Sequence[float]) -> Lookup:
    """The number of edges reached."""
    return Lookup(x, tuple(edges), tuple(map(float, range(len(edges) + 1))))


@dataclass
class Printer:
    """Prints formulas in one spelling.

    Attributes:
        spelling: how the target writes arithmetic.
        names: code that replaces parts of formulas, such as the name of a local.
        guarded: the parts that a helper must compute.
        whole: the symbols that are integers.
        lists: names a list of numbers, or leaves it inline.
    """

    spelling: Spelling
    names: dict[Expr, Code] = field(default_factory=dict)
    guarded: Container[Expr] = ()
    whole: Collection[str] = ("t",)
    lists: Callable[[Code, str], Code] = lambda items, _name: items

    def code(self, e: Expr) -> Code:
        """The formula as code."""
        if e in self.names:
            return self.names[e]
        match e:
            case Number(value):
                return code(self.spelling.pi) if value == math.pi else number(value)
            case Symbol(text):
                return name(text)
            case Named(_, inner):
                return self.code(inner)
            case Lookup(x, edges, values):
                index = self.names.get(counting(x, edges))
                if index is None:
                    listed_edges = self._list(edges, "_EDGES", whole=True)
                    index = self.spelling.index(listed_edges, self.code(x))
                if values == tuple(range(len(values))):
                    return index
                return self.spelling.take(self._list(values, "_VALUES", whole=False), index)
            case Apply(op, args):
                return self._apply(e, op, args)

    def _apply(self, e: Expr, op: Operation, args: Sequence[Expr]) -> Code:
        function = self.spelling.functions.get(op)
        match op, args:
            case _ if e in self.guarded:
                return call(GUARDS[op], *map(self.code, args))
            case "floordiv" | "mod", (x, y) if self.is_whole(e):
                return infix(self._whole(x), INFIX[op][0], self.code(y))
            case "pow", (x, y) if function is None or self.is_whole(y):
                # As a float: powers of integers can be huge.
                return infix(self.real(x), "**", self._operand(y))
            case "where", (condition, yes, no):
                parts = self.code(condition), self.real(yes), self.real(no)
                return call(function, *parts) if function else choice(parts[1], parts[0], parts[2])
            case "min" | "max", _:
                return call(str(function), *map(self.real, args))
            case "neg", (x,):
                return negative(self._operand(x))
            case "not", (x,) if function is None:
                return inverse(self.code(x))
            case _ if function is not None:
                return call(function, *map(self._operand, args))
            case "div", (x, y) if self.spelling.divides_whole:
                return infix(self.code(x), "/", self._operand(y))
            case _, (x, y) if op in _OF_COUNTS and all(map(self._counts, args)):
                return infix(self.code(x), INFIX[op][0], self.code(y))
            case _:
                return infix(self._operand(args[0]), INFIX[op][0], self._operand(args[1]))

    def _operand(self, e: Expr) -> Code:
        """The formula as an operand; an integer array becomes a float array."""
        return self.spelling.real(self.code(e)) if self.is_count(e) else self.code(e)

    def real(self, e: Expr) -> Code:
        """The formula; a whole number is written as a float."""
        match e:
            case Number(value) if value != math.pi and e not in self.names:
                return number(value, whole=False)
        return self._operand(e)

    def is_count(self, e: Expr) -> bool:
        """Whether the formula counts ticks or cycles in integers."""
        match e:
            case Symbol(text):
                return text in self.whole
            case Named(text, inner):
                return text in self.whole if e in self.names else self.is_count(inner)
            case Lookup():
                return self.is_whole(e)
            case Apply("mod" | "floordiv"):
                return self.is_whole(e)
            case Apply("add" | "sub", args):
                return any(map(self.is_count, args)) and all(map(self._counts, args))
            case _:
                return False

    def _counts(self, e: Expr) -> bool:
        return self.is_whole(e) if isinstance(e, Number) else self.is_count(e)

    def _whole(self, e: Expr) -> Code:
        """The dividend of an integer division."""
        match e:
            case Apply("mul", (x, Number(times))) if self.is_count(x):
                return infix(self.code(x), "*", number(times))
        return self.code(e)

    def _list(self, numbers: Sequence[float], text: str, *, whole: bool) -> Code:
        return self.lists(listed(*(number(n, whole=whole) for n in numbers)), text)

    def is_whole(self, e: Expr) -> bool:
        """Whether the formula is an integer in Python."""
        match e:
            case Number(value):
                return value == math.floor(value)
            case Symbol(text):
                return text in self.whole
            case Apply("add" | "sub" | "mul" | "floordiv" | "mod" | "neg", args):
                return all(map(self.is_whole, args))
            case Lookup(_, _, values):
                return values == tuple(range(len(values)))
            case Named(_, inner):
                return self.is_whole(inner)
            case _:
                return False


def ticks_since(clock: str, begin: int) -> Code:
    """The ticks since ``begin``."""
    if not begin:
        return name(clock)
    return infix(clock, "-" if begin > 0 else "+", number(abs(begin)))
