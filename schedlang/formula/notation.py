"""Writes an expression as text, with as few parentheses as Python's precedence allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from schedlang.formula.expressions import Apply, Expr, Lookup, Named, Number, Operation, Symbol

CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)

# operation: (sign, its precedence, the minimum precedence of its left and right operands)
INFIX: dict[Operation, tuple[str, int, int, int]] = {
    "or": ("or", OR, OR, AND),
    "and": ("and", AND, AND, NOT),
    "lt": ("<", COMPARE, SUM, SUM),
    "le": ("<=", COMPARE, SUM, SUM),
    "gt": (">", COMPARE, SUM, SUM),
    "ge": (">=", COMPARE, SUM, SUM),
    "eq": ("==", COMPARE, SUM, SUM),
    "ne": ("!=", COMPARE, SUM, SUM),
    "add": ("+", SUM, SUM, PRODUCT),
    "sub": ("-", SUM, SUM, PRODUCT),
    "mul": ("*", PRODUCT, PRODUCT, UNARY),
    "div": ("/", PRODUCT, PRODUCT, UNARY),
    "floordiv": ("//", PRODUCT, PRODUCT, UNARY),
    "mod": ("%", PRODUCT, PRODUCT, UNARY),
    "pow": ("**", POWER, ATOM, UNARY),
}

Write: TypeAlias = Callable[[Expr, int], str]
"""Writes an expression, in parentheses if its precedence is lower than the given one."""

Override: TypeAlias = Callable[[Expr, Write], "tuple[str, int] | None"]
"""The text of an expression and its precedence; None for the default notation."""


def _as_here(_e: Expr, _write: Write) -> tuple[str, int] | None:
    return None


def tidy(value: float) -> float:
    """The number without a rounding error in its last digits: 0.007 for 0.007000000000000001."""
    short = float(f"{value:.12g}")
    return short if abs(value - short) <= 4e-16 * abs(value) else value


def number(value: float) -> str:
    """The shortest text that Python and the grammar parse as this double."""
    if value == math.pi:
        return "pi"
    if value == int(value) and abs(value) < 1e16:
        return str(int(value))
    mantissa, mark, exponent = repr(value).partition("e")
    if not mark and abs(value) < 1e-3:  # Python uses exponents from one digit later: 0.0001
        digits = mantissa.lstrip("-0.")
        power = len(mantissa.partition(".")[2]) - len(digits) + 1
        point = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{'-' if value < 0 else ''}{point}e-{power}"
    return f"{mantissa}e{int(exponent)}" if mark else mantissa


def infix(e: Expr, names: Mapping[str, str] | None = None, override: Override = _as_here) -> str:
    """The expression in the notation of `fn`.

    Args:
        e: the expression.
        names: replacements for the names of functions and symbols.
        override: called first for every part, to replace the default notation.
    """
    return _writer(names or {}, override)(e, CHOICE)


def _writer(names: Mapping[str, str], override: Override) -> Write:
    def write(e: Expr, least: int) -> str:
        while isinstance(e, Named):
            e = e.value
        text, tightness = override(e, write) or _text(e, names, write)
        return text if tightness >= least else f"({text})"

    return write


def _text(e: Expr, names: Mapping[str, str], write: Write) -> tuple[str, int]:
    match e:
        case Number(value):
            text = number(value)
            return names.get(text, text), UNARY if value < 0 else ATOM
        case Symbol(name):
            return names.get(name, name), ATOM
        case Lookup(x, edges, values):
            inside = f"{write(x, CHOICE)}, {list(edges)}, {list(values)}"
            return f"{names.get('lookup', 'lookup')}({inside})", ATOM
        case Apply("where", (condition, yes, no)):
            return (
                f"{write(yes, OR)} if {write(condition, OR)} else {write(no, CHOICE)}",
                CHOICE,
            )
        case Apply("neg", (x,)):
            return f"-{write(x, UNARY)}", UNARY
        case Apply("not", (x,)):
            return f"not {write(x, NOT)}", NOT
        case Apply(op, (x, y)) if op in INFIX:
            sign, tightness, left, right = INFIX[op]
            return f"{write(x, left)} {sign} {write(y, right)}", tightness
        case Apply(op, args):
            inside = ", ".join(write(arg, CHOICE) for arg in args)
            return f"{names.get(op, op)}({inside})", ATOM
        case Named(_, inner):
            return _text(inner, names, write)
