"""Evaluates expressions: one value at a time, or a whole block of ticks with NumPy.

Arithmetic is that of IEEE doubles: a division by zero is infinite or nan, and nothing raises.
"""

from __future__ import annotations

import ast
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from schedlang.formula.expressions import (
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    Operation,
    Symbol,
    mul,
)
from schedlang.formula.ieee import FUNCTIONS, ceil

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

Function: TypeAlias = Callable[..., float]


_NO_NAMES: Mapping[str, Number] = {}


SCALAR: dict[Operation, Callable[..., Any]] = {
    **FUNCTIONS,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "floordiv": lambda x, y: x // y,
    "mod": lambda x, y: x % y,
    "neg": lambda x: -x,
    "tanh": math.tanh,
    "abs": abs,
    "where": lambda condition, x, y: x if condition else y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
    "not": lambda x: not x,
}


def value(e: Expr, names: Mapping[str, float], *, left: bool = False) -> float:
    """The value of the expression, or with ``left`` its limit from the left.

    The limit is taken at every ``floor``, ``floordiv``, ``mod`` and `Lookup` of a growing quantity,
    the only places where a formula jumps.
    """
    match e:
        case Number(number):
            return number
        case Symbol(name):
            return names[name]
        case Apply("where", (condition, x, y)):
            return value(x if value(condition, names, left=left) else y, names, left=left)
        case Apply(op, args) if left and op in _JUMPS:
            return _from_the_left(op, [value(arg, names, left=True) for arg in args])
        case Apply(op, args):
            result: float = SCALAR[op](*[value(arg, names, left=left) for arg in args])
            return result
        case Named(_, inner):
            return value(inner, names, left=left)
        case Lookup(x, edges, values):
            find = bisect_left if left else bisect_right
            return values[find(edges, value(x, names, left=left))]


_JUMPS = frozenset({"floor", "floordiv", "mod"})


def _from_the_left(op: Operation, args: list[float]) -> float:
    """The limit from the left of an operation that jumps."""
    if op == "floor":
        return ceil(args[0]) - 1
    rounds, rest = args[0] // args[1], args[0] % args[1]
    if not rest:
        rounds, rest = rounds - 1, args[1]
    return rounds if op == "floordiv" else rest


@lru_cache(maxsize=1024)
def function(e: Expr, parameters: tuple[str, ...]) -> Function:
    """The expression compiled to a Python function of doubles, with a cache.

    It is built from Python's own syntax nodes, never from text: an expression holds only known
    operations, numbers and parameters, so that no input can add code. This is the one place of
    the package that compiles.
    """
    table: dict[str, Any] = {}
    body = _node(e, parameters, table)
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=f"p{i}") for i in range(len(parameters))],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    tree = ast.fix_missing_locations(ast.Expression(body=ast.Lambda(args=arguments, body=body)))
    result: Function = eval(
        compile(tree, "<schedlang formula>", "eval"), {"__builtins__": {}, **table}
    )
    return result


_BINARY: dict[Operation, Callable[[], ast.operator]] = {
    "add": ast.Add,
    "sub": ast.Sub,
    "mul": ast.Mult,
    "floordiv": ast.FloorDiv,
    "mod": ast.Mod,
}


def _node(e: Expr, parameters: tuple[str, ...], table: dict[str, Any]) -> ast.expr:
    match e:
        case Number(number):
            name = f"n{len(table)}"
            table[name] = number
            return ast.Name(id=name, ctx=ast.Load())
        case Symbol(name):
            return ast.Name(id=f"p{parameters.index(name)}", ctx=ast.Load())
        case Lookup(x, edges, values):
            name = f"n{len(table)}"
            table[name] = _lookup(edges, values)
            return ast.Call(ast.Name(id=name, ctx=ast.Load()), [_node(x, parameters, table)], [])
        case Named(_, value):
            return _node(value, parameters, table)
        case Apply("where", (condition, x, y)):
            return ast.IfExp(
                test=_node(condition, parameters, table),
                body=_node(x, parameters, table),
                orelse=_node(y, parameters, table),
            )
        case Apply("add" | "sub" | "mul" | "floordiv" | "mod" as op, (x, y)):
            return ast.BinOp(
                _node(x, parameters, table), _BINARY[op](), _node(y, parameters, table)
            )
        case Apply(op, args):
            table[f"f_{op}"] = SCALAR[op]
            called = [_node(arg, parameters, table) for arg in args]
            return ast.Call(ast.Name(id=f"f_{op}", ctx=ast.Load()), called, [])


def fold_constants(e: Expr, names: Mapping[str, Number] = _NO_NAMES) -> Expr:
    """The expression with its known parts computed; a difference of two levels is kept.

    Args:
        e: the expression.
        names: the values of the known symbols.
    """
    match e:
        case Number():
            return e
        case Symbol(name):
            return names.get(name, e)
        case Named(name, inner):
            inner = fold_constants(inner, names)
            return inner if isinstance(inner, Number) else Named(name, inner)
        case Apply("where", (condition, x, y)):
            condition = fold_constants(condition, names)
            if isinstance(condition, Number):
                return fold_constants(x if condition.value else y, names)
            return Apply("where", (condition, fold_constants(x, names), fold_constants(y, names)))
        case Apply(op, args):
            parts = tuple([fold_constants(arg, names) for arg in args])
            if op == "sub":
                return Apply(op, parts)
            numbers = [part.value for part in parts if isinstance(part, Number)]
            if len(numbers) == len(parts):
                return Number(float(SCALAR[op](*numbers)))
            return mul(*parts) if op == "mul" else Apply(op, parts)
        case Lookup(x, edges, values):
            x = fold_constants(x, names)
            if isinstance(x, Number):
                return Number(values[bisect_right(edges, x.value)])
            return Lookup(x, edges, values)


def _lookup(edges: Sequence[float], values: Sequence[float]) -> Function:
    return lambda x: values[bisect_right(edges, x)]


def block(e: Expr, names: Mapping[str, Array | float]) -> Array | float:
    """The value of the expression over arrays; the caller silences NumPy's warnings."""
    match e:
        case Number(number):
            return number
        case Symbol(name):
            return names[name]
        case Lookup(x, edges, values):
            import numpy as np

            found = np.searchsorted(np.asarray(edges), block(x, names), side="right")
            result: Array = np.asarray(values)[found]
            return result
        case Named(_, value):
            return block(value, names)
        case Apply(op, args):
            array: Array = _ufuncs()[op](*(block(arg, names) for arg in args))
            return array


@cache
def _ufuncs() -> dict[Operation, Callable[..., Any]]:
    import numpy as np

    return {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
        "floordiv": np.floor_divide, "mod": np.remainder,
        "pow": np.power, "neg": np.negative, "sin": np.sin, "cos": np.cos, "tan": np.tan,
        "tanh": np.tanh, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "floor": np.floor,
        "ceil": np.ceil, "abs": np.abs, "min": np.minimum, "max": np.maximum, "where": np.where,
        "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
        "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
        "not": np.logical_not,
    }  # fmt: skip
