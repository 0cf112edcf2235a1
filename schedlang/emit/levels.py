"""Levels as a target wants them: shares of the base rate, or rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from struct import pack, unpack

from schedlang.emit.source import number
from schedlang.errors import ScheduleError
from schedlang.evaluate import value
from schedlang.formula import BASE, ONE, ZERO, Expr, Number, affine, substitute, symbols
from schedlang.notation import tidy
from schedlang.program import Program, Track


def symbolic(program: Program) -> Program:
    """The program over the symbol ``base``, where it can be written so."""
    try:
        return lean(program.rebase(None))
    except ScheduleError:
        return program


def lean(program: Program) -> Program:
    """The program without factors that are 1 for ever.

    What they leave behind is still a product: a phase's own numbers are shares of an entry level.
    """
    first, *factors = program.tracks
    telling = [track for track in factors if any(piece.curve != ONE for piece in track.pieces)]
    if len(telling) == len(factors):
        return program
    pieces = tuple(
        piece._replace(kind="product") if piece.factor and piece.kind != "hold" else piece
        for piece in first.pieces
    )
    return replace(program, tracks=(Track(pieces, first.loop), *telling))


@dataclass(frozen=True, slots=True)
class Levels:
    """Reads the levels of a program whose base rate is known, or is not."""

    base: float | None

    def share(self, level: Expr) -> float | None:
        """The level as a share of the base, if that is one for all."""
        match _numbers(level):
            case Number(relative), Number(0.0):
                return tidy(relative)
            case Number(relative), Number(absolute) if self.base:
                return tidy(relative + absolute / self.base)
        return None

    def rate(self, level: Expr) -> float | None:
        """The level as a rate, if that is known."""
        match _numbers(level):
            case Number(0.0), Number(absolute):
                return tidy(absolute)
            case Number(relative), Number(absolute) if self.base is not None:
                return tidy(relative * self.base + absolute)
        return None

    def text(self, level: Expr) -> str | None:
        """The level as source: a number, or a share of the parameter ``lr``."""
        rate = self.rate(level)
        if rate is not None:
            return number(rate)
        share = self.share(level)
        if share is None:
            return None
        return "lr" if share == 1 else f"{number(share)} * lr"

    def ratio(self, x: Expr, y: Expr) -> float | None:
        """X / y, if that is known for every base."""
        for read in (self.rate, self.share):
            a, b = read(x), read(y)
            if a is not None and b:
                return tidy(a / b)
        return None

    def share_curve(self, curve: Expr) -> Expr | None:
        """The curve as a share of the base, if it is the same for every base or that is known."""
        number = self.share(curve)
        if number is not None:
            return Number(number)
        parts = affine(curve)
        if parts is not None and parts[1] == ZERO:
            return substitute(curve, {BASE.name: ONE})
        if not self.base:
            return None
        return substitute(curve, {BASE.name: Number(self.base)}) / self.base


def _numbers(level: Expr) -> tuple[Expr, Expr] | None:
    """The level as a number of bases and a number, if it is one."""
    parts = affine(level)
    if parts is None or any(symbols(part) for part in parts):
        return None
    return Number(value(parts[0], {})), Number(value(parts[1], {}))


def divides_exactly(period: float) -> bool:
    """Whether compiled code finds whole quotients by this period in floats of 32 bits.

    XLA multiplies by the reciprocal instead of dividing; where that was rounded down, 41/41 is
    a little below 1, and what should change at step 41 changes one step late.
    """
    reciprocal: float = unpack("f", pack("f", 1 / period))[0]
    return period == int(period) and Fraction(reciprocal) * int(period) >= 1
