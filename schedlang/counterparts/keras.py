"""Keras' own schedules, for schedules whose values they give exactly.

Their limits: `PiecewiseConstantDecay` changes one step after its boundary;
``CosineDecay.decay_steps`` does not include the warm-up. `CosineDecayRestarts`, which computes its
cycles with float32 logarithms, is never used, nor is `PolynomialDecay` with a fractional power.
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
    is_whole,
    understands,
)
from schedlang.formula.expressions import Expr, T, symbols
from schedlang.program.program import Piece

KERAS_NAMES = {
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
}
"""The hyperparameters that can be scheduled: their names in a plan, and in Keras."""
DEFAULTS: Mapping[str, Mapping[str, CallArgument]] = {
    "CosineDecay": {"alpha": 0.0},
    "PolynomialDecay": {"power": 1.0},
    "ExponentialDecay": {"staircase": False},
    "InverseTimeDecay": {"staircase": False},
}
"""The defaults of the schedules' arguments; the source omits them."""


def schedule(pieces: Sequence[Piece], levels: Levels) -> Call | None:
    """Keras' schedule for a whole track, if one gives its values."""
    match pieces:
        case [Piece(kind="linear") as up, Piece(kind="cosine") as down, end]:
            found = _warmup_cosine(up, down, levels)
            return found if found is not None and _holds(found, end, levels) else None
        case [phase]:
            return counterpart(phase, levels)
        case [phase, end]:
            found = counterpart(phase, levels)
            if found is not None and _holds(found, end, levels):
                return found
    if all(T.name not in symbols(piece.curve) for piece in pieces):
        marks = [piece.end or 0 for piece in pieces[:-1]]
        return _constants(marks, [piece.curve for piece in pieces], levels)
    return None


def counterpart(piece: Piece, levels: Levels) -> Call | None:
    """Keras' schedule for a phase from step 0 on; levels among its arguments are rates."""
    return table.find(COUNTERPARTS, piece, levels)


def _holds(found: Call, end: Piece, levels: Levels) -> bool:
    return found.holds is not None and levels.same(found.holds, end.curve)


def _warmup_cosine(up: Piece, down: Piece, levels: Levels) -> Call | None:
    rise, fall = counterpart(up, levels), counterpart(down, levels)
    if rise is None or fall is None or not levels.same(up.arguments["b"], down.arguments["a"]):
        return None
    arguments = {**fall.arguments, "initial_learning_rate": up.arguments["a"]}
    arguments |= {"warmup_target": up.arguments["b"], "warmup_steps": up.arguments["T"]}
    return fall._replace(arguments=arguments)


def _polynomial(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    a, b, power = phase["a"], phase["b"], phase.get("power", 1.0)
    rises = phase.get("role") == "warmup" and power != 1
    if rises or not is_whole(power) or not (levels.is_known(a) and levels.is_known(b)):
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": phase["T"], "end_learning_rate": b}
    return Call("PolynomialDecay", {**arguments, "power": power}, holds=b)


def _exponential(piece: Piece, levels: Levels) -> Call | None:
    rate = piece.arguments.get("gamma")
    staircase = piece.kind == "step"
    return _decay("ExponentialDecay", rate, piece, levels, staircase=staircase) if rate else None


def _inverse_time(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    staircase = phase["staircase"]
    return _decay("InverseTimeDecay", phase["rate"], piece, levels, staircase=staircase)


def _decay(name: str, rate: float, piece: Piece, levels: Levels, *, staircase: bool) -> Call | None:
    a, every = piece.arguments["a"], table.whole_period(piece, staircase=staircase)
    if not levels.is_known(a) or every is None:
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": every, "decay_rate": rate}
    return Call(name, {**arguments, "staircase": staircase})


def _multistep(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    values = [phase["a"]]
    for factor in phase["factors"]:
        values.append(values[-1] * factor)
    return _constants(table.milestones(phase), values, levels)


def _piecewise(piece: Piece, levels: Levels) -> Call | None:
    return _constants(table.milestones(piece.arguments), piece.arguments["values"], levels)


def _constants(marks: Sequence[int], values: Sequence[Expr], levels: Levels) -> Call | None:
    if marks[0] < 1 or any(a == b for a, b in pairwise(marks)):
        return None
    if not all(map(levels.is_known, values)):
        return None
    boundaries = tuple(mark - 1 for mark in marks)
    return Call("PiecewiseConstantDecay", {"boundaries": boundaries, "values": tuple(values)})


COUNTERPARTS: dict[str, Counterpart] = {
    "linear": understands("role from to min", _polynomial),
    "cosine": table.cosine_with_alpha("CosineDecay", "initial_learning_rate"),
    "poly": understands("role from to min power", _polynomial),
    "exp": understands("from gamma every", _exponential),
    "step": understands("from gamma every", _exponential),
    "inverse_time": understands("from rate every staircase", _inverse_time),
    "multistep": understands("from at gamma", _multistep),
    "piecewise": understands("at values", _piecewise),
}
