"""Restarts whose cycles grow: found by a short loop of exact arithmetic instead of a table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from schedlang.emit.quantities import replaced
from schedlang.emit.source import integer
from schedlang.formula.expressions import Apply, Expr, Lookup, Symbol, T, walk

CYCLE = Symbol("cycle")
P = Symbol("p")


@dataclass(frozen=True, slots=True)
class Growing:
    """Cycles of ``first·mult^i`` ticks.

    Attributes:
        first: the ticks of the first cycle.
        mult: by what each one is longer than the one before.
        rest: the formula in terms of ``p``, the progress in a cycle, and ``cycle``, its number.
    """

    first: Fraction
    mult: Fraction
    rest: Expr

    @property
    def whole(self) -> bool:
        """Whether integers will do."""
        return self.first.denominator == self.mult.denominator == 1

    def loop(self, t: str) -> list[str]:
        """The statements that find the cycle of the tick ``t``, and how far it has come."""
        counts = CYCLE in walk(self.rest)
        first, mult = (_literal(n, whole=self.whole) for n in (self.first, self.mult))
        grown = f"length * {mult}"
        lines = [f"begin, length = {'0' if self.whole else 'Fraction(0)'}, {first}"]
        if counts:
            lines.append("cycle = 0")
        lines += [
            f"while {t} >= begin + length:",
            f"    begin, length = begin + length, {grown}",
        ]
        if counts:
            lines.append("    cycle += 1")
        quotient = f"({t} - begin) / length"
        return [*lines, f"p = {quotient if self.whole else f'float({quotient})'}"]

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


def growing(e: Expr) -> Growing | None:
    """The cycles of a formula that has such, else None."""
    for part in walk(e):
        match part:
            case Apply(
                "div",
                (
                    Apply("sub", (x, Lookup(y, edges, begins))),
                    Lookup(z, also_edges, lengths),
                ),
            ) if x == y == z == T and edges == also_edges and len(lengths) > 1:
                first = Fraction(lengths[0]).limit_denominator(10**6)
                mult = Fraction(lengths[1] / lengths[0]).limit_denominator(10**6)
                if not _exactly(first, mult, begins, lengths):
                    return None
                rest = replaced(e, part, P)
                counts = Lookup(x, edges, tuple(map(float, range(len(lengths)))))
                return Growing(first, mult, replaced(rest, counts, CYCLE))
    return None


def _exactly(
    first: Fraction, mult: Fraction, begins: tuple[float, ...], lengths: tuple[float, ...]
) -> bool:
    """Whether these are the very numbers of such cycles."""
    begin, length = Fraction(0), first
    for found, long in zip(begins, lengths, strict=True):
        if (found, long) != (float(begin), float(length)):
            return False
        begin, length = begin + length, length * mult
    return True


def _literal(number: Fraction, *, whole: bool) -> str:
    numerator, denominator = map(integer, number.as_integer_ratio())
    if whole:
        return numerator
    return (
        f"Fraction({numerator})" if denominator == "1" else f"Fraction({numerator}, {denominator})"
    )
