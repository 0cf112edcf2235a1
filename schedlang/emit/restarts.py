"""Restarts with growing cycles: a cycle is looked up in the list of all starts."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from schedlang.emit.code import Block, Code, digits, infix, let, name, number
from schedlang.emit.file import File
from schedlang.emit.printing import Printer
from schedlang.formula.expressions import Expr, Lookup, Named, walk
from schedlang.program.program import Arguments


class Cycles(NamedTuple):
    """Cycles of ``first·mult^i`` ticks."""

    first: Fraction
    mult: Fraction

    @property
    def whole(self) -> bool:
        """Whether integers suffice."""
        return self.first.denominator == self.mult.denominator == 1

    def begins(self, last: int) -> Code:
        """The list of all cycle starts up to a tick."""
        times, over = self._quotient()
        sign = "//" if self.whole else "/"
        return self._list(f"{times}{f' {sign} {over}' if over else ''}", last)

    def edges(self, last: int) -> Code:
        """The list of all cycle starts up to a tick, rounded up."""
        times, over = self._quotient()
        return self.begins(last) if self.whole else self._list(f"-(-{times} // {over})", last)

    def _quotient(self) -> tuple[str, str]:
        """Numerator and denominator of the start of cycle ``i``; the latter is empty if it is 1.

        With ``mult = m/n``, the start, ``first·(mult^i - 1)/(mult - 1)``, is the quotient of
        ``first·n·(m^i - n^i)`` and ``(m - n)·n^i``.
        """
        m, n = self.mult.as_integer_ratio()
        factor = self.first * n / (m - n)
        times = f"{digits(factor.numerator)} * " if factor.numerator != 1 else ""
        power = f"{n}**i" if n != 1 else ""
        share = digits(factor.denominator) if factor.denominator != 1 else ""
        over = f"({share} * {power})" if share and power else share or power
        return f"{times}({m}**i - {power or 1})", over

    def _list(self, item: str, last: int) -> Code:
        begin, length, count = Fraction(0), self.first, 1
        while begin + length <= last:
            begin, length, count = begin + length, length * self.mult, count + 1
        return Code(f"[{item} for i in range({count})]")


def cycles_of(curve: Expr, phase: Arguments) -> Cycles | None:
    """The growing cycles of a phase's formula, if it has more than one; else None."""
    for part in walk(curve):
        match part:
            case Named("length", Lookup()) if "exact" in phase:
                return Cycles(*phase["exact"])
    return None


def locate(cycles: Cycles, e: Expr, ticks: Code, printer: Printer, file: File) -> Block:
    """The statement that finds the cycle of these ticks.

    The printer receives code for the cycle's number, start and length.
    """
    last = printer.spelling.last_tick
    begins = edges = file.named(cycles.begins(last), "_BEGINS")
    if not cycles.whole:
        edges = file.named(cycles.edges(last), "_EDGES")
    cycle = printer.spelling.real(name("reached"))
    power = infix(number(float(cycles.mult), whole=False), "**", cycle)
    codes = {
        "cycle": cycle,
        "begin": printer.spelling.take(begins, name("reached")),
        "length": infix(number(float(cycles.first)), "*", power),
    }
    for part in walk(e):
        if isinstance(part, Named) and part.name in codes:
            printer.names[part] = codes[part.name]
    if cycles.whole:
        printer.whole = {*printer.whole, "begin"}
    return (let("reached", infix(printer.spelling.index(edges, ticks), "-", "1")),)
