"""Writes an expression as text, with as few parentheses as Python's precedence allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from schedlang.formula import Apply, Expr, Lookup, Number, Operation, Symbol

_CHOICE, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(10)

# operation: (sign, how tightly it binds, the least tightness of its left and of its right side)
_INFIX: dict[Operation, tuple[str, int, int, int]] = {
    "or": ("or", _OR, _OR, _AND),
    "and": ("and", _AND, _AND, _NOT),
    "lt": ("<", _COMPARE, _SUM, _SUM),
    "le": ("<=", _COMPARE, _SUM, _SUM),
    "gt": (">", _COMPARE, _SUM, _SUM),
    "ge": (">=", _COMPARE, _SUM, _SUM),
    "eq": ("==", _COMPARE, _SUM, _SUM),
    "ne": ("!=", _COMPARE, _SUM, _SUM),
    "add": ("+", _SUM, _SUM, _PRODUCT),
    "sub": ("-", _SUM, _SUM, _PRODUCT),
    "mul": ("*", _PRODUCT, _PRODUCT, _UNARY),
    "div": ("/", _PRODUCT, _PRODUCT, _UNARY),
    "pow": ("**", _POWER, _ATOM, _UNARY),
}

Call = Callable[[str, list[str]], str]


def number(value: float) -> str:
    """The shortest text that Python, and our grammar, read as this double."""
    if value == math.pi:
        return "pi"
    if value == int(value) and abs(value) < 1e16:
        return str(int(value))
    mantissa, mark, exponent = repr(value).partition("e")
    if not mark and abs(value) < 1e-3:  # Python turns to exponents one digit later: 0.0001
        digits = mantissa.lstrip("-0.")
        power = len(mantissa.partition(".")[2]) - len(digits) + 1
        point = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{'-' if value < 0 else ''}{point}e-{power}"
    return f"{mantissa}e{int(exponent)}" if mark else mantissa


def infix(e: Expr, names: Mapping[str, str] | None = None) -> str:
    """The expression as `fn` takes it; ``names`` replaces what functions and symbols are called."""
    return _write(e, names or {}, _CHOICE)


def _write(e: Expr, names: Mapping[str, str], least: int) -> str:
    text, tightness = _text(e, names)
    return text if tightness >= least else f"({text})"


def _text(e: Expr, names: Mapping[str, str]) -> tuple[str, int]:
    match e:
        case Number(value):
            text = number(value)
            return names.get(text, text), _UNARY if value < 0 else _ATOM
        case Symbol(name):
            return names.get(name, name), _ATOM
        case Lookup(x, edges, values):
            inside = f"{_write(x, names, _CHOICE)}, {list(edges)}, {list(values)}"
            return f"{names.get('lookup', 'lookup')}({inside})", _ATOM
        case Apply("where", (condition, yes, no)):
            return (
                f"{_write(yes, names, _OR)} if {_write(condition, names, _OR)}"
                f" else {_write(no, names, _CHOICE)}",
                _CHOICE,
            )
        case Apply("neg", (x,)):
            return f"-{_write(x, names, _UNARY)}", _UNARY
        case Apply("not", (x,)):
            return f"not {_write(x, names, _NOT)}", _NOT
        case Apply(op, args) if op in _INFIX:
            sign, tightness, left, right = _INFIX[op]
            return (
                f"{_write(args[0], names, left)} {sign} {_write(args[1], names, right)}",
                tightness,
            )
        case Apply(op, args):
            inside = ", ".join(_write(arg, names, _CHOICE) for arg in args)
            return f"{names.get(op, op)}({inside})", _ATOM
