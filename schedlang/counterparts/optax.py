"""Optax's own functions, for phases whose values they give exactly.

`polynomial_schedule` is never used with a power below 1: its gradient at the end is infinite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from schedlang.counterparts import table
from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import (
    Call,
    CallArgument,
    Counterpart,
    understands,
)
from schedlang.formula.expressions import ZERO, Expr
from schedlang.program.program import Piece

OPTAX_NAMES = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2"}
"""Optax's names of a plan's hyperparameters, where they differ."""
DEFAULTS: Mapping[str, Mapping[str, CallArgument]] = {
    "cosine_decay_schedule": {"alpha": 0.0},
    "warmup_cosine_decay_schedule": {"end_value": ZERO},
    "exponential_decay": {"staircase": False},
}
"""The defaults of the functions' arguments; the source omits them."""


def counterpart(piece: Piece, levels: Levels) -> Call | None:
    """Optax's schedule for a phase; levels among its arguments are rates."""
    return table.find(COUNTERPARTS, piece, levels)


def _warmup_cosine(pieces: Sequence[Piece], levels: Levels) -> Call | None:
    """The schedule for a linear warm-up and the cosine after it."""
    match pieces:
        case [Piece(kind="linear") as up, Piece(kind="cosine") as down]:
            rise, fall = counterpart(up, levels), counterpart(down, levels)
            before, after = up.arguments, down.arguments
            if rise is None or fall is None or not levels.same(before["b"], after["a"]):
                return None
            arguments: dict[str, CallArgument] = {
                "init_value": before["a"],
                "peak_value": before["b"],
                "warmup_steps": before["T"],
                "decay_steps": before["T"] + after["T"],
                "end_value": after["b"],
            }
            return Call("warmup_cosine_decay_schedule", arguments, fall.holds)
    return None


def joined(
    pieces: Sequence[Piece], levels: Levels
) -> tuple[Sequence[Piece], list[Call | None]] | None:
    """The phases of `join_schedules`, and optax's schedules for them; None if optax has none.

    A warm-up and its cosine count as one phase. An end level that the last phase's schedule holds
    is not a phase.
    """
    found = [counterpart(piece, levels) for piece in pieces]
    if all(call is None or call.name == "constant_schedule" for call in found):
        return None
    both = _warmup_cosine(pieces[:2], levels)
    if both is not None:
        text = f"{pieces[0].text} -> {pieces[1].text}"
        pieces = [pieces[0]._replace(text=text, end=pieces[1].end), *pieces[2:]]
        found = [both, *found[2:]]
    before = found[-2].holds if len(found) > 1 and found[-2] is not None else None
    if before is not None and not pieces[-1].text and levels.same(before, pieces[-1].curve):
        return pieces[:-1], found[:-1]
    return pieces, found


def _hold(piece: Piece, levels: Levels) -> Call | None:
    if not levels.is_known(piece.curve):
        return None
    return Call("constant_schedule", {"value": piece.curve})


def _linear(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    a, b = phase["a"], phase["b"]
    if not (levels.is_known(a) and levels.is_known(b)):
        return None
    arguments = {"init_value": a, "end_value": b, "transition_steps": phase["T"]}
    holds = None if levels.rate(b) == 0 else b  # compiled, it rounds 0 to slightly below 0
    return Call("linear_schedule", arguments, holds)


def _poly(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    found = _linear(piece, levels)
    if found is None or phase.get("role") == "warmup" or phase["power"] < 1:
        return None
    arguments = {**found.arguments, "power": phase["power"]}
    return Call("polynomial_schedule", arguments, found.holds)


def _exp(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    gamma, low, staircase = phase.get("gamma"), phase.get("min"), piece.kind == "step"
    every = table.whole_period(piece, staircase=staircase)
    if gamma is None or every is None or not levels.is_known(phase["a"]):
        return None
    if low is not None and (gamma >= 1 or not levels.is_known(low)):
        return None
    arguments = {"init_value": phase["a"], "transition_steps": every, "decay_rate": gamma}
    arguments |= {} if low is None else {"end_value": low}
    return Call("exponential_decay", {**arguments, "staircase": staircase})


def _multistep(piece: Piece, levels: Levels) -> Call | None:
    return _constants(piece.arguments["a"], piece.arguments["factors"], piece, levels)


def _piecewise(piece: Piece, levels: Levels) -> Call | None:
    values = piece.arguments["values"]
    scales = [levels.ratio(after, before) for before, after in pairwise(values)]
    known = [scale for scale in scales if scale is not None]
    return _constants(values[0], known, piece, levels) if len(known) == len(scales) else None


def _constants(first: Expr, scales: Sequence[float], piece: Piece, levels: Levels) -> Call | None:
    marks = table.milestones(piece.arguments)
    if marks[0] < 1 or len(set(marks)) < len(marks) or not levels.is_known(first):
        return None
    steps = dict(zip(marks, scales, strict=True))
    return Call(
        "piecewise_constant_schedule", {"init_value": first, "boundaries_and_scales": steps}
    )


COUNTERPARTS: dict[str, Counterpart] = {
    "hold": understands("to", _hold),
    "linear": understands("role from to min", _linear),
    "cosine": table.cosine_with_alpha("cosine_decay_schedule", "init_value"),
    "poly": understands("role from to min power", _poly),
    "exp": understands("from min gamma every", _exp),
    "step": understands("from min gamma every", _exp),
    "multistep": understands("from at gamma", _multistep),
    "piecewise": understands("at values", _piecewise),
}
