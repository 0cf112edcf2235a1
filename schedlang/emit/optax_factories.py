"""Optax's own factories for the phases whose values they give exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from schedlang.emit.levels import Levels, divides_exactly
from schedlang.emit.source import integer, number
from schedlang.formula.expressions import Expr
from schedlang.program.program import Piece


class Factory(NamedTuple):
    """A factory of optax's, its arguments, and the level that it holds at last."""

    name: str
    arguments: dict[str, str]
    holds: Expr | None = None


Facts: TypeAlias = Mapping[str, Any]
Counterpart: TypeAlias = Callable[[Facts, Levels], Factory | None]


def factory(piece: Piece, levels: Levels) -> Factory | None:
    """Optax's factory for a piece, if there is one that gives its values."""
    if piece.kind == "hold":
        return _hold(piece, levels)
    find = _COUNTERPARTS.get(piece.kind)
    if find is None or piece.facts.get("skip"):
        return None
    return find(piece.facts, levels)


def warmup_cosine(pieces: Sequence[Piece], levels: Levels) -> Factory | None:
    """The factory for the commonest of all schedules: a linear warm-up, then a cosine."""
    match pieces:
        case [Piece(kind="linear", facts=up) as first, Piece(kind="cosine", facts=down) as second]:
            peak = levels.text(up["b"])
            if up["skip"] or down["skip"] or peak is None or peak != levels.text(down["a"]):
                return None
            low, end = levels.text(up["a"]), levels.text(down["b"])
            if low is None or end is None or levels.ratio(down["b"], down["a"]) is None:
                return None
            arguments = {"init_value": low, "peak_value": peak}
            arguments |= {"warmup_steps": integer(first.end or 0)}
            arguments |= {"decay_steps": integer(second.end or 0)}
            if end != "0.0":
                arguments["end_value"] = end
            return Factory("warmup_cosine_decay_schedule", arguments, down["b"])
    return None


def _hold(piece: Piece, levels: Levels) -> Factory | None:
    rate = levels.text(piece.curve)
    return None if rate is None else Factory("constant_schedule", {"value": rate})


def _linear(facts: Facts, levels: Levels) -> Factory | None:
    a, b = levels.text(facts["a"]), levels.text(facts["b"])
    if a is None or b is None:
        return None
    steps = {"transition_steps": integer(facts["T"])}
    holds = facts["b"] if b != "0.0" else None  # compiled, it rounds a 0 to a little below
    return Factory("linear_schedule", {"init_value": a, "end_value": b, **steps}, holds)


def _cosine(facts: Facts, levels: Levels) -> Factory | None:
    a, alpha = levels.text(facts["a"]), levels.ratio(facts["b"], facts["a"])
    if a is None or alpha is None or alpha > 1:
        return None
    arguments = {"init_value": a, "decay_steps": integer(facts["T"])}
    if alpha:
        arguments["alpha"] = number(alpha)
    return Factory("cosine_decay_schedule", arguments, facts["b"])


def _poly(facts: Facts, levels: Levels) -> Factory | None:
    found = _linear(facts, levels)
    if found is None or facts["role"] == "warmup" or facts["power"] < 1:  # a slope without end at 0
        return None
    power = {"power": number(facts["power"])}
    return Factory("polynomial_schedule", {**found.arguments, **power})


def _exp(facts: Facts, levels: Levels) -> Factory | None:
    every = facts["every"] or 1.0
    a = levels.text(facts["a"])
    if facts["gamma"] is None or a is None or every != int(every):
        return None
    arguments = {"init_value": a, "transition_steps": integer(every)}
    arguments["decay_rate"] = number(facts["gamma"])
    if facts["min"] is not None:
        low = levels.text(facts["min"])
        if low is None or facts["gamma"] >= 1:
            return None
        arguments["end_value"] = low
    return Factory("exponential_decay", arguments)


def _step(facts: Facts, levels: Levels) -> Factory | None:
    found = _exp(facts, levels)
    if found is None or not divides_exactly(facts["every"]):
        return None
    return Factory(found.name, {**found.arguments, "staircase": "True"})


def _multistep(facts: Facts, levels: Levels) -> Factory | None:
    level = facts["entry"] if facts["start"] is None else facts["start"]
    rate = levels.text(level)
    gammas = facts["gamma"]
    if not isinstance(gammas, tuple):
        gammas = (gammas,) * len(facts["at"])
    return None if rate is None or facts["min"] is not None else _constants(rate, facts, gammas)


def _piecewise(facts: Facts, levels: Levels) -> Factory | None:
    rate = levels.text(facts["values"][0])
    scales = [levels.ratio(after, before) for before, after in pairwise(facts["values"])]
    known = [scale for scale in scales if scale is not None]
    return None if rate is None or len(known) < len(scales) else _constants(rate, facts, known)


def _constants(rate: str, facts: Facts, scales: Sequence[float]) -> Factory | None:
    marks = [ceil(at) for at in facts["at"]]
    if marks[0] < 1 or len(set(marks)) < len(marks):
        return None
    pairs = [f"{integer(at)}: {number(scale)}" for at, scale in zip(marks, scales, strict=True)]
    listed = f"{{{', '.join(pairs)}}}"
    return Factory(
        "piecewise_constant_schedule", {"init_value": rate, "boundaries_and_scales": listed}
    )


_COUNTERPARTS: dict[str, Counterpart] = {
    "linear": _linear,
    "cosine": _cosine,
    "poly": _poly,
    "exp": _exp,
    "step": _step,
    "multistep": _multistep,
    "piecewise": _piecewise,
}
