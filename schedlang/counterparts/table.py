"""Tables of counterparts: for each kind of phase what it understands, and the call it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil
from struct import pack, unpack
from typing import NamedTuple, TypeAlias

from schedlang.counterparts.levels import Levels
from schedlang.formula.expressions import Expr
from schedlang.program.program import Arguments, Piece


class Root(NamedTuple):
    """``x^(1/n)``."""

    x: float
    n: float


CallArgument: TypeAlias = (
    bool | int | float | str | Expr | Root | tuple["CallArgument", ...] | Mapping[int, float]
)


class Call(NamedTuple):
    """A class or a function of a framework's, and its arguments.

    Attributes:
        name: as the framework calls it.
        arguments: by keyword. A level is an expression; what reads it makes the rate (in PyTorch,
            each group's rate) of it.
        holds: the level on which it stays after the phase, if it does.
        not_in_sequence: whether nothing can come before it or after it.
    """

    name: str
    arguments: Mapping[str, CallArgument]
    holds: Expr | None = None
    not_in_sequence: bool = False


class Counterpart(NamedTuple):
    """What a framework has for one kind of phase.

    Attributes:
        understands: the arguments of the phase that the call takes account of.
        call: the call for a phase as it stands in a program; None if none has its values.
    """

    understands: frozenset[str]
    call: Callable[[Piece, Levels], Call | None]


def understands(arguments: str, call: Callable[[Piece, Levels], Call | None]) -> Counterpart:
    """A line of a table; the arguments are separated by spaces."""
    return Counterpart(frozenset(arguments.split()), call)


def find(table: Mapping[str, Counterpart], piece: Piece, levels: Levels) -> Call | None:
    """The call with exactly a piece's values, if there is one.

    There is none for a piece with an argument that its counterpart does not understand.
    """
    counterpart = table.get(piece.kind)
    if counterpart is None or not_understood(counterpart, piece.arguments):
        return None
    return counterpart.call(piece, levels)


def not_understood(counterpart: Counterpart, phase: Arguments) -> frozenset[str]:
    """The arguments that are given to a phase and that its counterpart does not understand."""
    return phase.get("given", frozenset()) - counterpart.understands


# ── What the frameworks' classes have in common ──


def milestones(phase: Arguments) -> tuple[int, ...]:
    """The ticks of ``at=``; a position between two ticks is reached on the later one."""
    return tuple(map(ceil, phase["at"]))


def cosine_with_alpha(name: str, start: str) -> Counterpart:
    """A cosine that takes its end as a share of its start, the argument of that name."""

    def call(piece: Piece, levels: Levels) -> Call | None:
        a, b = piece.arguments["a"], piece.arguments["b"]
        alpha = levels.ratio(b, a)
        if alpha is None or alpha > 1 or not levels.is_known(a):
            return None
        arguments = {start: a, "decay_steps": piece.arguments["T"], "alpha": alpha}
        return Call(name, arguments, holds=b)

    return understands("role from to min", call)


def whole_period(piece: Piece, *, staircase: bool) -> int | None:
    """The ticks of ``every=``, if they are whole, and compiled code finds whole stairs by them."""
    every = piece.arguments.get("every", 1.0)
    return int(every) if is_whole(every) and (not staircase or divides_exactly(every)) else None


def is_whole(ticks: float | Fraction) -> bool:
    """Whether there is no fraction of a tick (or of a factor)."""
    return ticks == int(ticks)


def divides_exactly(period: float) -> bool:
    """Whether compiled code finds whole quotients by this period in floats of 32 bits.

    XLA multiplies by the reciprocal instead of dividing; where that was rounded down, 41/41 is
    a little below 1, and what should change at step 41 changes one step late.
    """
    reciprocal: float = unpack("f", pack("f", 1 / period))[0]
    return is_whole(period) and Fraction(reciprocal) * int(period) >= 1
