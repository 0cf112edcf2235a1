"""Levels as source: shares of the base rate, or rates."""

from __future__ import annotations

from dataclasses import replace

from schedlang.counterparts import levels
from schedlang.emit.source import number
from schedlang.formula.expressions import (
    BASE,
    ONE,
    ZERO,
    Expr,
    Number,
    affine,
    substitute,
)
from schedlang.program.program import Piece, Program, pieces_of


def without_ones(program: Program) -> Program:
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

    def __init__(self, base: float | None, name: str = "lr") -> None:
        super().__init__(() if base is None else (base,))
        self.base = base
        self.name = name

    def text(self, level: Expr) -> str | None:
        """The level as source: a number, or a share of the parameter for the base rate."""
        rate = self.rate(level)
        if rate is not None:
            return number(rate)
        share = self.share(level)
        if share is None:
            return None
        return self.name if share == 1 else f"{number(share)} * {self.name}"

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
