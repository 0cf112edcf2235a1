"""Levels as a target wants them: shares of the base rate, or rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from struct import pack, unpack

from schedlang.emit.source import number
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    ONE,
    ZERO,
    Apply,
    Expr,
    Named,
    Number,
    affine,
    div,
    floor,
    per,
    rebuild,
    substitute,
    symbols,
)
from schedlang.formula.notation import tidy
from schedlang.program.program import Piece, Program, pieces_of


def classic(program: Program) -> Program:
    """The program with rounds and remainders as floors, and without names."""
    momentum = program.momentum
    return replace(
        program,
        symbolic=tuple(track.changed(_classic_piece) for track in program.symbolic),
        momentum=None if momentum is None else momentum.changed(_classic_piece),
    )


def _classic_piece(piece: Piece) -> Piece:
    return piece._replace(curve=_classic(piece.curve))


def _classic(e: Expr) -> Expr:
    match e:
        case Named(_, inner):
            return _classic(inner)
        case Apply("floordiv", (x, y)):
            return floor(div(_classic(x), _classic(y)))
        case Apply("mod", (Apply("mul", (x, Number(parts))), Number(period))):
            x = _classic(x)
            ratio = Fraction(int(period), int(parts))
            return (x - floor(per(x, ratio)) * ratio) * parts
        case Apply("mod", (x, Number(period))):
            x = _classic(x)
            return x - floor(div(x, period)) * period
        case _:
            return rebuild(e, _classic)


def lean(program: Program) -> Program:
    """The program without factors that are always 1.

    What they leave behind is still a product: a phase's own numbers are shares of an entry level.
    """
    first, *factors = program.symbolic
    telling = [t for t in factors if any(piece.curve != ONE for piece in pieces_of(t.parts))]
    if len(telling) == len(factors):
        return program

    def alone(piece: Piece) -> Piece:
        known = not piece.factor or piece.kind == "hold"
        return piece if known else piece._replace(kind="product")

    return replace(program, symbolic=(first.changed(alone), *telling))


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
