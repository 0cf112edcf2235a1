"""A formula as a sum of terms, or as a line: what can be added up and scaled without a tree."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from schedlang.formula.expressions import Expr


class Sum(NamedTuple):
    """``constant + Σ factor·term``."""

    constant: float
    terms: tuple[tuple[Expr, float], ...] = ()

    def plus(self, other: Sum) -> Sum:
        """The two together, like terms as one."""
        factors: dict[Expr, float] = dict(self.terms)
        for term, factor in other.terms:
            factors[term] = factors.get(term, 0.0) + factor
        kept = tuple((term, factor) for term, factor in factors.items() if factor)
        return Sum(self.constant + other.constant, kept)

    def times(self, number: float) -> Sum:
        """Every term of it so many times."""
        if not number:
            return Sum(0.0)
        return Sum(self.constant * number, tuple((term, f * number) for term, f in self.terms))


class LinearForm(NamedTuple):
    """``slope·x + constant``: ``x`` are ticks, or ticks within a period (and its first anchor).

    With ``rounds``, ``x`` are the whole periods since the anchor.
    """

    slope: float
    constant: float
    period: Fraction | None = None
    anchor: int = 0
    rounds: bool = False

    def less_than(self, number: float) -> LinearForm:
        """The number minus this."""
        return self._replace(slope=-self.slope, constant=number - self.constant)
