"""PyTorch's own schedulers for the phases whose values they give exactly.

Each has its traps: a child of ``SequentialLR`` starts from the base rate, whatever came before;
`LinearLR` takes no 0 to start from and nothing above 1; `CosineAnnealingLR` has one ``eta_min``
for all groups and rises again after its end; `ConstantLR` goes back to the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from schedlang.emit.levels import Levels
from schedlang.emit.source import integer, number
from schedlang.formula.expressions import Expr
from schedlang.program.program import Piece

LONGEST_POWER = 1_000_000
"""Ticks for which the powers of a rounded root stay within 1e-10 of the true ones."""


class Native(NamedTuple):
    """A scheduler of PyTorch's: its class, its arguments, and the level that it holds at last."""

    name: str
    arguments: dict[str, str]
    holds: Expr | None = None


Facts: TypeAlias = Mapping[str, Any]
Counterpart: TypeAlias = Callable[[Facts, Levels], Native | None]


def native(piece: Piece, levels: Levels) -> Native | None:
    """PyTorch's own scheduler for a piece, if there is one that gives its values."""
    if piece.kind == "hold":
        return _hold(piece, levels)
    find = _COUNTERPARTS.get(piece.kind)
    if find is None or piece.facts.get("skip"):
        return None
    return find(piece.facts, levels)


def _hold(piece: Piece, levels: Levels) -> Native | None:
    share = levels.share(piece.curve)
    if piece.end is None or share is None or not 0 <= share <= 1:
        return None
    ticks = integer(piece.end - piece.begin)
    return Native("ConstantLR", {"factor": number(share), "total_iters": ticks})


def _linear(facts: Facts, levels: Levels) -> Native | None:
    a, b = levels.share(facts["a"]), levels.share(facts["b"])
    if a is None or b is None or not 0 < a <= 1 or not 0 <= b <= 1:
        return None
    arguments = {"start_factor": number(a), "end_factor": number(b)}
    if b == 1:
        del arguments["end_factor"]
    return Native("LinearLR", {**arguments, "total_iters": integer(facts["T"])}, facts["b"])


def _cosine(facts: Facts, levels: Levels) -> Native | None:
    low = levels.rate(facts["b"])
    if levels.share(facts["a"]) != 1 or low is None:
        return None
    return Native("CosineAnnealingLR", {"T_max": integer(facts["T"]), **_eta_min(low)})


def _poly(facts: Facts, levels: Levels) -> Native | None:
    falls = facts["role"] != "warmup" and levels.share(facts["b"]) == 0
    if levels.share(facts["a"]) != 1 or not falls:
        return None
    power = {"power": number(facts["power"])} if facts["power"] != 1 else {}
    return Native("PolynomialLR", {"total_iters": integer(facts["T"]), **power}, facts["b"])


def _exp(facts: Facts, levels: Levels) -> Native | None:
    if levels.share(facts["a"]) != 1 or facts["min"] is not None:
        return None
    is_root = facts["gamma"] is None or facts["every"] not in {None, 1}
    if is_root and (facts["T"] is None or facts["T"] > LONGEST_POWER):
        return None
    if facts["gamma"] is None:
        low = levels.share(facts["b"])
        gamma = f"{number(low)} ** (1 / {integer(facts['T'])})" if low else ""
        return Native("ExponentialLR", {"gamma": gamma}) if low else None
    gamma, every = number(facts["gamma"]), facts["every"] or 1.0
    if every != 1:
        gamma = f"{gamma} ** (1 / {number(every, whole=True)})"
    return Native("ExponentialLR", {"gamma": gamma})


def _step(facts: Facts, levels: Levels) -> Native | None:
    whole = facts["every"] == int(facts["every"])
    if facts["min"] is not None or levels.share(facts["a"]) != 1 or not whole:
        return None
    return Native("StepLR", {"step_size": integer(facts["every"]), "gamma": number(facts["gamma"])})


def _multistep(facts: Facts, levels: Levels) -> Native | None:
    level = facts["entry"] if facts["start"] is None else facts["start"]
    milestones = [ceil(at) for at in facts["at"]]
    several = isinstance(facts["gamma"], tuple) or facts["min"] is not None
    if several or levels.share(level) != 1 or milestones[0] < 1:
        return None
    listed = f"[{', '.join(map(integer, milestones))}]"
    return Native("MultiStepLR", {"milestones": listed, "gamma": number(facts["gamma"])})


def _restarts(facts: Facts, levels: Levels) -> Native | None:
    low = levels.rate(facts["min"])
    whole = facts["first"] == int(facts["first"]) and facts["mult"] == int(facts["mult"])
    if levels.share(facts["a"]) != 1 or facts["shrink"] != 1 or low is None or not whole:
        return None
    if low and (levels.base is None or low > levels.base):
        return None
    mult = {"T_mult": integer(facts["mult"])} if facts["mult"] != 1 else {}
    first = {"T_0": integer(facts["first"])}
    return Native("CosineAnnealingWarmRestarts", {**first, **mult, **_eta_min(low)})


def _eta_min(low: float) -> dict[str, str]:
    return {"eta_min": number(low)} if low else {}


_COUNTERPARTS: dict[str, Counterpart] = {
    "linear": _linear,
    "cosine": _cosine,
    "poly": _poly,
    "exp": _exp,
    "step": _step,
    "multistep": _multistep,
    "restarts": _restarts,
}


def cyclic(piece: Piece, levels: Levels) -> Native | None:
    """``CyclicLR``, which sets the rate itself, so that nothing can come before it or after."""
    facts = piece.facts
    if facts["skip"] or facts["mode"] == "triangular2":  # it computes 2.0**cycle, which overflows
        return None
    low, high = rates(facts["min"], levels), rates(facts["max"], levels)
    if low is None or high is None:
        return None
    arguments = {"base_lr": low, "max_lr": high, "step_size_up": _length(facts["up"])}
    if facts["down"] is not None:
        arguments["step_size_down"] = _length(facts["down"])
    if facts["mode"] != "triangular":
        arguments["mode"] = f'"{facts["mode"]}"'
    if facts["gamma"] != 1:
        arguments["gamma"] = number(facts["gamma"])
    return Native("CyclicLR", arguments | _momentum(facts))


def one_cycle(piece: Piece, levels: Levels) -> Native | None:
    """``OneCycleLR``, which sets the rate itself and raises after its end."""
    facts = piece.facts
    peak = rates(facts["max"], levels)
    if facts["skip"] or peak is None or facts["pct"] * facts["T"] <= 1:
        return None
    arguments = {"max_lr": peak, "total_steps": integer(facts["T"])}
    usual = {"pct": 0.3, "div": 25.0, "final_div": 1e4}
    names = {"pct": "pct_start", "div": "div_factor", "final_div": "final_div_factor"}
    arguments |= {names[k]: number(facts[k]) for k, value in usual.items() if facts[k] != value}
    if facts["anneal"] != "cos":
        arguments["anneal_strategy"] = '"linear"'
    if facts["three_phase"]:
        arguments["three_phase"] = "True"
    return Native("OneCycleLR", arguments | _momentum(facts))


def rates(level: Expr, levels: Levels) -> str | None:
    """The level as a rate, or as a list of one for each group."""
    rate = levels.rate(level)
    if rate is not None:
        return number(rate)
    share = levels.share(level)
    if share is None:
        return None
    each = "lr" if share == 1 else f"{number(share)} * lr"
    return f"[{each} for lr in base_rates]"


def _length(ticks: float) -> str:
    return number(ticks, whole=True)


def _momentum(facts: Facts) -> dict[str, str]:
    if facts["momentum"] is None:
        return {"cycle_momentum": "False"}
    low, high = map(number, facts["momentum"])
    return {"base_momentum": low, "max_momentum": high}
