"""Restarts whose cycles grow: found by a short loop of exact arithmetic instead of a table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from schedlang.emit.quantities import replaced
from schedlang.emit.source import number
from schedlang.formula import Apply, Expr, Lookup, Symbol, T, walk

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
        """The list of the begins of all cycles up to a tick, as source."""
        exact = self._begins(last)
        if not self.whole:
            return f"[{', '.join(number(float(begin), whole=True) for begin in exact)}]"
        times = f"{self.first} * " if self.first != 1 else ""
        over = f" // {self.mult - 1}" if self.mult != 2 else ""
        return f"[{times}({self.mult}**i - 1){over} for i in range({len(exact)})]"

    def edges(self, last: int) -> str:
        """The list of the first ticks of all cycles up to a tick, as source."""
        return f"[{', '.join(str(ceil(begin)) for begin in self._begins(last))}]"

    def _begins(self, last: int) -> list[Fraction]:
        begins, length = [Fraction(0)], self.first
        while begins[-1] + length <= last:
            begins.append(begins[-1] + length)
            length *= self.mult
        return begins


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
    if whole:
        return str(number)
    both = f"{number.numerator}, {number.denominator}"
    return f"Fraction({number.numerator if number.denominator == 1 else both})"
