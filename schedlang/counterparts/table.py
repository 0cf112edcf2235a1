"""Tables of counterparts: for each kind of phase the supported arguments, and the call."""

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
    """A class or function of a framework, and its arguments.

    Attributes:
        name: its name in the framework.
        arguments: by keyword. A level is an expression, from which the reader computes the rate (in
            PyTorch, the rate of each group).
        holds: the level that it holds after the phase, if it does.
        not_in_sequence: whether nothing can come before it or after it.
    """

    name: str
    arguments: Mapping[str, CallArgument]
    holds: Expr | None = None
    not_in_sequence: bool = False


class Counterpart(NamedTuple):
    """A framework's counterpart of one kind of phase.

    Attributes:
        understands: the arguments of the phase that the call supports.
        call: returns the call for a phase in a program; None if there is none with its values.
    """

    understands: frozenset[str]
    call: Callable[[Piece, Levels], Call | None]


def understands(arguments: str, call: Callable[[Piece, Levels], Call | None]) -> Counterpart:
    """An entry of a table; the names of the arguments are separated by spaces."""
    return Counterpart(frozenset(arguments.split()), call)


def find(table: Mapping[str, Counterpart], piece: Piece, levels: Levels) -> Call | None:
    """The call that gives exactly a piece's values, if there is one.

    There is none if the counterpart does not support an argument of the piece.
    """
    counterpart = table.get(piece.kind)
    if counterpart is None or not_understood(counterpart, piece.arguments):
        return None
    return counterpart.call(piece, levels)


def not_understood(counterpart: Counterpart, phase: Arguments) -> frozenset[str]:
    """The arguments that are given to a phase and that its counterpart does not understand."""
    return phase.get("given", frozenset()) - counterpart.understands


# ── Shared by the frameworks ──


def milestones(phase: Arguments) -> tuple[int, ...]:
    """The ticks of ``at=``; a position between two ticks is reached at the later one."""
    return tuple(map(ceil, phase["at"]))


def cosine_with_alpha(name: str, start: str) -> Counterpart:
    """The counterpart of a cosine whose end is given as a share of the argument ``start``."""

    def call(piece: Piece, levels: Levels) -> Call | None:
        a, b = piece.arguments["a"], piece.arguments["b"]
        alpha = levels.ratio(b, a)
        if alpha is None or alpha > 1 or not levels.is_known(a):
            return None
        arguments = {start: a, "decay_steps": piece.arguments["T"], "alpha": alpha}
        return Call(name, arguments, holds=b)

    return understands("role from to min", call)


def whole_period(piece: Piece, *, staircase: bool) -> int | None:
    """The ticks of ``every=``, if they are whole, and compiled code divides by them exactly."""
    every = piece.arguments.get("every", 1.0)
    return int(every) if is_whole(every) and (not staircase or divides_exactly(every)) else None


def is_whole(ticks: float | Fraction) -> bool:
    """Whether the number is an integer."""
    return ticks == int(ticks)


def divides_exactly(period: float) -> bool:
    """Whether compiled code computes integer quotients by this period exactly in float32.

    XLA multiplies by the reciprocal instead of dividing. If that is rounded down, 41/41 is slightly
    below 1, and a change at step 41 comes one step late.
    """
    reciprocal: float = unpack("f", pack("f", 1 / period))[0]
    return is_whole(period) and Fraction(reciprocal) * int(period) >= 1
