"""Formulas as sums of terms and as lines, which can be added and scaled directly."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from schedlang.formula.expressions import Expr


class Sum(NamedTuple):
    """``constant + Σ factor·term``."""

    constant: float
    terms: tuple[tuple[Expr, float], ...] = ()

    def plus(self, other: Sum) -> Sum:
        """The sum of both, with like terms combined."""
        factors: dict[Expr, float] = dict(self.terms)
        for term, factor in other.terms:
            factors[term] = factors.get(term, 0.0) + factor
        kept = tuple((term, factor) for term, factor in factors.items() if factor)
        return Sum(self.constant + other.constant, kept)

    def times(self, number: float) -> Sum:
        """The sum times a number."""
        if not number:
            return Sum(0.0)
        return Sum(self.constant * number, tuple((term, f * number) for term, f in self.terms))


class LinearForm(NamedTuple):
    """``slope·x + constant``: ``x`` is in ticks, or in ticks within a period (with its anchor).

    With ``rounds``, ``x`` is the number of whole periods since the anchor.
    """

    slope: float
    constant: float
    period: Fraction | None = None
    anchor: int = 0
    rounds: bool = False

    def less_than(self, number: float) -> LinearForm:
        """The number minus this line."""
        return self._replace(slope=-self.slope, constant=number - self.constant)
