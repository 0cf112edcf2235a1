"""Functions of doubles that return IEEE's result where Python raises.

They need only `math`, since their source is copied into emitted source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schedlang.formula.expressions import Operation


def divide(x: float, y: float) -> float:
    """The quotient, infinite or nan where y is 0."""
    if y:
        return x / y
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def power(x: float, y: float) -> float:
    """The power, infinite or nan where Python raises."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        return math.nan if x else math.inf


def exp(x: float) -> float:
    """The exponential, infinite where Python raises."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def log(x: float) -> float:
    """The logarithm, -inf at 0 and nan below."""
    if x > 0:
        return math.log(x)
    return math.nan if x else -math.inf


def sqrt(x: float) -> float:
    """The square root, nan below 0."""
    return math.sqrt(x) if x >= 0 else math.nan


def sin(x: float) -> float:
    """The sine, nan if x is infinite."""
    return math.sin(x) if math.isfinite(x) else math.nan


def cos(x: float) -> float:
    """The cosine, nan if x is infinite."""
    return math.cos(x) if math.isfinite(x) else math.nan


def tan(x: float) -> float:
    """The tangent, nan if x is infinite."""
    return math.tan(x) if math.isfinite(x) else math.nan


def floor(x: float) -> float:
    """The floor; x itself if it is infinite or nan."""
    return float(math.floor(x)) if math.isfinite(x) else x


def ceil(x: float) -> float:
    """The ceiling; x itself if it is infinite or nan."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def minimum(x: float, y: float) -> float:
    """The smaller one, nan if either is."""
    return x if x < y or math.isnan(x) else y


def maximum(x: float, y: float) -> float:
    """The larger one, nan if either is."""
    return x if x > y or math.isnan(x) else y


FUNCTIONS: dict[Operation, Callable[..., float]] = {
    "div": divide, "pow": power, "exp": exp, "log": log, "sqrt": sqrt, "sin": sin, "cos": cos,
    "tan": tan, "floor": floor, "ceil": ceil, "min": minimum, "max": maximum,
}  # fmt: skip
"""The functions by operation."""
