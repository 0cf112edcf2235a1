"""Restarts whose cycles grow: found by a short loop of exact arithmetic instead of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from schedlang.emit.source import integer
from schedlang.formula.expressions import Expr, Lookup, Named, walk


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles of ``first·mult^i`` ticks.

    Attributes:
        first: the ticks of the first cycle.
        mult: by what each one is longer than the one before.
    """

    first: Fraction
    mult: Fraction

    @property
    def whole(self) -> bool:
        """Whether integers will do."""
        return self.first.denominator == self.mult.denominator == 1

    def loop(self, t: str, begin: str, length: str, cycle: str | None) -> list[str]:
        """The statements that find the cycle of the tick ``t``.

        Args:
            t: the tick, as source.
            begin: the name of the local for the cycle's begin.
            length: the name of the local for its length.
            cycle: the name of the local for its number; None if that is not needed.
        """
        first, mult = (_literal(n, whole=self.whole) for n in (self.first, self.mult))
        return [
            f"{begin}, {length} = {'0' if self.whole else 'Fraction(0)'}, {first}",
            *([f"{cycle} = 0"] if cycle else []),
            f"while {t} >= {begin} + {length}:",
            f"    {begin}, {length} = {begin} + {length}, {length} * {mult}",
            *([f"    {cycle} += 1"] if cycle else []),
        ]

    def begins(self, last: int) -> str:
        """The list of the begins of all cycles up to a tick, as source.

        They are ``first·(mult^i - 1)/(mult - 1)``, a quotient of integers.
        """
        times, over = self._quotient()
        sign = "//" if self.whole else "/"
        return f"[{times}{f' {sign} {over}' if over else ''} for i in {self._range(last)}]"

    def edges(self, last: int) -> str:
        """The list of the first ticks of all cycles up to a tick, as source: rounded up."""
        times, over = self._quotient()
        return f"[-(-{times} // {over}) for i in {self._range(last)}]"

    def _quotient(self) -> tuple[str, str]:
        """Numerator and denominator of the begin of cycle ``i``; the latter is empty where it is 1.

        With ``mult = m/n`` they are ``first·n·(m^i - n^i)`` and ``(m - n)·n^i``.
        """
        m, n = self.mult.as_integer_ratio()
        factor = self.first * n / (m - n)
        times = f"{integer(factor.numerator)} * " if factor.numerator != 1 else ""
        power = f"{n}**i" if n != 1 else ""
        share = integer(factor.denominator) if factor.denominator != 1 else ""
        over = f"({share} * {power})" if share and power else share or power
        return f"{times}({m}**i - {power or 1})", over

    def _range(self, last: int) -> str:
        begin, length, count = Fraction(0), self.first, 1
        while begin + length <= last:
            begin, length, count = begin + length, length * self.mult, count + 1
        return f"range({count})"


def cycles_of(curve: Expr, facts: Mapping[str, Any]) -> Cycles | None:
    """The cycles of a phase's formula that grow, if it has more than one; else None."""
    for part in walk(curve):
        match part:
            case Named("length", Lookup()) if "exact" in facts:
                return Cycles(*facts["exact"])
    return None


def _literal(number: Fraction, *, whole: bool) -> str:
    numerator, denominator = map(integer, number.as_integer_ratio())
    if whole:
        return numerator
    return (
        f"Fraction({numerator})" if denominator == "1" else f"Fraction({numerator}, {denominator})"
    )
