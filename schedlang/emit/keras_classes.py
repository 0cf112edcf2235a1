"""Keras' own schedules, for whole schedules whose values they give exactly.

Their traps: `PiecewiseConstantDecay` changes one step after its boundary;
``CosineDecay.decay_steps`` leaves out the warm-up; `CosineDecayRestarts` finds its cycles by
logarithms and floats of 32 bits, and is never used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

from schedlang.emit.levels import Levels, divides_exactly
from schedlang.emit.outline import Part
from schedlang.emit.source import integer, number
from schedlang.formula.expressions import Expr, T, symbols
from schedlang.program.program import Piece


class Native(NamedTuple):
    """A schedule of Keras' own, with its arguments."""

    name: str
    arguments: dict[str, str]


def native(parts: Sequence[Part], levels: Levels) -> Native | None:
    """Keras' schedule for a whole track, if there is one that gives its values."""
    pieces = [part for part in parts if isinstance(part, Piece)]
    if len(pieces) < len(parts) or any(piece.facts.get("skip") for piece in pieces):
        return None
    match pieces:
        case [Piece(kind="linear") as up, Piece(kind="cosine") as down, end]:
            return _warmup_cosine(up.facts, down.facts, end, levels)
        case [Piece(kind="cosine", facts=facts), end]:
            found = _cosine(facts, levels)
            return found if _holds(end, facts) else None
        case [Piece(kind="linear" | "poly", facts=facts), end]:
            return _polynomial(facts, levels) if _holds(end, facts) else None
        case [Piece(kind="exp" | "step", facts=facts, end=None)]:
            return _exponential(facts, levels, staircase=pieces[0].kind == "step")
        case [Piece(kind="inverse_time", facts=facts, end=None)]:
            return _inverse_time(facts, levels)
        case [Piece(kind="multistep" | "piecewise", facts=facts, end=None)]:
            return _constants(facts, levels)
    if len(pieces) > 1 and all(T.name not in symbols(piece.curve) for piece in pieces):
        return _piecewise(
            [piece.end or 0 for piece in pieces[:-1]], [piece.curve for piece in pieces], levels
        )
    return None


def _holds(end: Piece, facts: Mapping[str, Any]) -> bool:
    return end.end is None and end.curve == facts["b"]


def _cosine(facts: Mapping[str, Any], levels: Levels) -> Native | None:
    a, alpha = levels.text(facts["a"]), levels.ratio(facts["b"], facts["a"])
    if a is None or alpha is None:
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": integer(facts["T"])}
    if alpha:
        arguments["alpha"] = number(alpha)
    return Native("CosineDecay", arguments)


def _warmup_cosine(
    up: Mapping[str, Any], down: Mapping[str, Any], end: Piece, levels: Levels
) -> Native | None:
    found, low = _cosine(down, levels), levels.text(up["a"])
    peak = levels.text(up["b"])
    if found is None or low is None or peak != levels.text(down["a"]) or not _holds(end, down):
        return None
    arguments = {**found.arguments, "initial_learning_rate": low}
    arguments |= {"warmup_target": peak or "", "warmup_steps": integer(up["T"])}
    return Native("CosineDecay", arguments)


def _polynomial(facts: Mapping[str, Any], levels: Levels) -> Native | None:
    a, b = levels.text(facts["a"]), levels.text(facts["b"])
    power = facts.get("power", 1.0)
    rises = facts["role"] == "warmup" and power != 1
    if a is None or b is None or rises or power != int(power):
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": integer(facts["T"])}
    arguments["end_learning_rate"] = b
    if power != 1:
        arguments["power"] = number(power)
    return Native("PolynomialDecay", arguments)


def _exponential(facts: Mapping[str, Any], levels: Levels, *, staircase: bool) -> Native | None:
    a, every = levels.text(facts["a"]), facts["every"] or 1.0
    if a is None or facts["gamma"] is None or facts["min"] is not None or every != int(every):
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": integer(every)}
    arguments["decay_rate"] = number(facts["gamma"])
    if staircase:
        if not divides_exactly(every):
            return None
        arguments["staircase"] = "True"
    return Native("ExponentialDecay", arguments)


def _inverse_time(facts: Mapping[str, Any], levels: Levels) -> Native | None:
    a, every = levels.text(facts["a"]), facts["every"] or 1.0
    if a is None or facts["min"] is not None or every != int(every):
        return None
    arguments = {"initial_learning_rate": a, "decay_steps": integer(every)}
    arguments["decay_rate"] = number(facts["rate"])
    if facts["staircase"]:
        if not divides_exactly(every):
            return None
        arguments["staircase"] = "True"
    return Native("InverseTimeDecay", arguments)


def _constants(facts: Mapping[str, Any], levels: Levels) -> Native | None:
    marks = [ceil(at) for at in facts["at"]]
    if "values" in facts:
        return _piecewise(marks, facts["values"], levels)
    if facts["min"] is not None:
        return None
    level = facts["entry"] if facts["start"] is None else facts["start"]
    gammas = facts["gamma"]
    gammas = gammas if isinstance(gammas, tuple) else (gammas,) * len(marks)
    values: list[Expr] = [level]
    for gamma in gammas:
        values.append(values[-1] * gamma)
    return _piecewise(marks, values, levels)


def _piecewise(marks: Sequence[int], values: Sequence[Expr], levels: Levels) -> Native | None:
    texts = [levels.text(value) for value in values]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts) or marks[0] < 1 or any(a == b for a, b in pairwise(marks)):
        return None
    boundaries = ", ".join(integer(mark - 1) for mark in marks)
    return Native(
        "PiecewiseConstantDecay",
        {"boundaries": f"[{boundaries}]", "values": f"[{', '.join(known)}]"},
    )
