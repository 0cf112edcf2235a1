"""Levels as a target wants them: shares of the base rate, or rates."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from schedlang.counterparts import levels
from schedlang.emit.source import number
from schedlang.formula.expressions import (
    BASE,
    LEVEL,
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
)
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


MOST_LEVELS = 20
"""So many levels that are no multiple of the base and a number are written out."""


def with_levels_written_out(program: Program) -> Program:
    """The program without symbols for levels, where no base rate is known.

    Raises:
        ValueError: if there are more than `MOST_LEVELS`.
    """
    if program.base is not None or not program.levels:
        return program
    if len(program.levels) > MOST_LEVELS:
        raise ValueError("too many levels here depend on the base rate: set lr=")
    names: dict[str, Expr] = {}
    for i, level in enumerate(program.levels):
        names[f"{LEVEL}{i}"] = substitute(level, names)

    def written_out(piece: Piece) -> Piece:
        facts = {
            name: substitute(fact, names) if isinstance(fact, Expr) else fact
            for name, fact in piece.facts.items()
        }
        return piece._replace(curve=substitute(piece.curve, names), facts=facts)

    tracks = tuple(track.changed(written_out) for track in program.symbolic)
    return replace(program, symbolic=tracks, levels=())


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


class Levels(levels.Levels):
    """Writes the levels of a program whose base rate is known, or is not."""

    def __init__(self, base: float | None) -> None:
        super().__init__(() if base is None else (base,))
        self.base = base

    def text(self, level: Expr) -> str | None:
        """The level as source: a number, or a share of the parameter ``lr``."""
        rate = self.rate(level)
        if rate is not None:
            return number(rate)
        share = self.share(level)
        if share is None:
            return None
        return "lr" if share == 1 else f"{number(share)} * lr"

    def each_group(self, level: Expr) -> str | None:
        """The level as source: a number, or a list of one for each of the ``base_rates``."""
        rate = self.rate(level)
        if rate is not None:
            return number(rate)
        each = self.text(level)
        return None if each is None else f"[{each} for lr in base_rates]"

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
