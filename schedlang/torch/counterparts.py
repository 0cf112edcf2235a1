"""What PyTorch has itself: for each phase the class that gives exactly its values, if there is one.

``SequentialLR`` restarts each of its children from the base rate, and most of PyTorch's classes
multiply the rate of the step before. So a class fits where the phase enters on the base rate, or
where the class's own factor brings it to the level at which the phase starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from schedlang.formula.expressions import Number
from schedlang.program.program import Piece

FOR_EVER = 2**53
"""Ticks beyond this are no doubles of their own: a class that lasts so long never ends."""

LONGEST_POWER = 1_000_000
"""Ticks for which the powers of a rounded gamma stay within 1e-10 of the true ones."""


class Counterpart(NamedTuple):
    """A class of PyTorch's and its arguments.

    Attributes:
        name: of the class in ``torch.optim.lr_scheduler``.
        arguments: by keyword, the optimizer left out.
        holds: whether it stays on the phase's end level after the phase.
        shares: the arguments in units of the base; None in one fits every group at base 0.
        only_alone: whether it is no member of a chain.
    """

    name: str
    arguments: dict[str, Any]
    holds: bool = False
    shares: tuple[str, ...] = ()
    only_alone: bool = False


Match: TypeAlias = Callable[[Piece, float], "Counterpart | None"]


def counterpart(pieces: Sequence[Piece], bases: Sequence[float]) -> Counterpart | None:
    """The class that is one phase for every group.

    Args:
        pieces: the phase as it is for each group.
        bases: the groups' base rates.

    Returns:
        None if there is none, or if the groups would need different arguments.
    """
    match_kind = _TABLE.get(pieces[0].kind)
    if match_kind is None:
        return None
    found: Counterpart | None = None
    for piece, base in zip(pieces, bases, strict=True):
        mine = match_kind(piece, base)
        if mine is None:
            return None
        found = mine if found is None else _agreed(found, mine)
        if found is None:
            return None
    assert found is not None
    return None if None in (found.arguments[name] for name in found.shares) else found


def _agreed(one: Counterpart, two: Counterpart) -> Counterpart | None:
    """What both say; None if they differ. Lists are one value a group, and grow."""
    merged: dict[str, Any] = {}
    for name, mine in one.arguments.items():
        theirs = two.arguments[name]
        if isinstance(mine, list) and name in _EACH_GROUP:
            merged[name] = mine + theirs
        elif name in one.shares and None in {mine, theirs}:
            merged[name] = theirs if mine is None else mine
        elif mine == theirs or (isinstance(mine, float) and _near(mine, theirs)):
            merged[name] = mine
        else:
            return None
    return one._replace(arguments=merged)


def _near(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-12)


def rate(level: Any) -> float:
    """A level of a numeric program as a number."""
    assert isinstance(level, Number)
    return level.value


def _share(level: float, base: float) -> float | None:
    """The level in units of the base, without the last digit's noise; None at base 0."""
    return float(f"{level / base:.15g}") if base else None


def _from_base(facts: Mapping[str, Any], base: float) -> bool:
    """Whether the phase starts on the base rate, at the beginning of its own curve."""
    return _near(rate(facts["a"]), base) and not facts["skip"]


def _hold(piece: Piece, base: float) -> Counterpart | None:
    share = _share(rate(piece.curve), base)
    if share is not None and share > 1:
        return None
    ticks = FOR_EVER if piece.end is None else piece.end - piece.begin
    return Counterpart("ConstantLR", {"factor": share, "total_iters": ticks}, shares=("factor",))


def _linear(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    start, end = (_share(rate(facts[name]), base) for name in ("a", "b"))
    if facts["skip"] or (start is not None and not 0 < start <= 1) or (end or 0) > 1:
        return None
    arguments = {"start_factor": start, "end_factor": end, "total_iters": facts["T"]}
    return Counterpart("LinearLR", arguments, holds=True, shares=("start_factor", "end_factor"))


def _cosine(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    if not _from_base(facts, base):
        return None
    return Counterpart("CosineAnnealingLR", {"T_max": facts["T"], "eta_min": rate(facts["b"])})


def _poly(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    if facts["role"] == "warmup" or rate(facts["b"]) or not _from_base(facts, base):
        return None
    arguments = {"total_iters": facts["T"], "power": facts["power"]}
    return Counterpart("PolynomialLR", arguments, holds=True)


def _exp(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    if facts["min"] is not None or not _from_base(facts, base):
        return None
    ticks = math.inf if piece.end is None else piece.end - piece.begin
    every = facts["every"] or 1.0
    if facts["gamma"] is None:
        share, every = _share(rate(facts["b"]), base), float(facts["T"])
    else:
        share = facts["gamma"]
    if every != 1 and ticks > LONGEST_POWER:
        return None
    gamma = None if share is None else share ** (1 / every)
    return Counterpart("ExponentialLR", {"gamma": gamma}, shares=("gamma",))


def _step(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    every: float = facts["every"]
    if facts["min"] is not None or not every.is_integer() or not _from_base(facts, base):
        return None
    return Counterpart("StepLR", {"step_size": int(every), "gamma": facts["gamma"]})


def _multistep(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    starts = facts["entry"] if facts["start"] is None else facts["start"]
    if (
        facts["min"] is not None
        or isinstance(facts["gamma"], tuple)
        or not _near(rate(starts), base)
    ):
        return None
    # a position between two ticks is reached on the later one
    milestones = [math.ceil(position) for position in facts["at"]]
    holds = piece.end is not None and milestones[-1] < piece.end - piece.begin
    return Counterpart("MultiStepLR", {"milestones": milestones, "gamma": facts["gamma"]}, holds)


def _restarts(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    first, mult, low = facts["first"], facts["mult"], rate(facts["min"])
    whole = float(first).is_integer() and float(mult).is_integer()
    if not whole or facts["shrink"] != 1 or low > base or not _from_base(facts, base):
        return None
    arguments = {"T_0": int(first), "T_mult": int(mult), "eta_min": low}
    return Counterpart("CosineAnnealingWarmRestarts", arguments)


def _cyclic(piece: Piece, _base: float) -> Counterpart | None:
    facts = piece.facts
    up, down = facts["up"], facts["down"] or facts["up"]
    if facts["skip"] or not (float(up).is_integer() and float(down).is_integer()):
        return None
    if facts["gamma"] > 1:
        return None  # PyTorch computes gamma**t, which overflows
    # It computes 2.0**cycle too; ours, alone, does not.
    ticks = math.inf if piece.end is None else piece.end - piece.begin
    overflows = facts["mode"] == "triangular2" and ticks > 1000 * (up + down)
    arguments = {
        "base_lr": [rate(facts["min"])],
        "max_lr": [rate(facts["max"])],
        "step_size_up": int(up),
        "step_size_down": int(down),
        "mode": facts["mode"],
        "gamma": facts["gamma"],
        **_momentum(facts),
    }
    return Counterpart("CyclicLR", arguments, only_alone=overflows)


def _onecycle(piece: Piece, _base: float) -> Counterpart | None:
    facts = piece.facts
    ticks, pct = facts["T"], facts["pct"]
    if facts["skip"] or ticks == 1 or math.isclose(pct * ticks, 1):
        return None  # PyTorch divides by the length of a rise that has none
    arguments = {
        "max_lr": [rate(facts["max"])],
        "total_steps": ticks,
        "pct_start": pct,
        "anneal_strategy": facts["anneal"],
        "div_factor": facts["div"],
        "final_div_factor": facts["final_div"],
        "three_phase": facts["three_phase"],
        **_momentum(facts),
    }
    # It overwrites the base rate for all others.
    return Counterpart("OneCycleLR", arguments, holds=True, only_alone=True)


def _momentum(facts: Mapping[str, Any]) -> dict[str, Any]:
    if facts["momentum"] is None:
        return {"cycle_momentum": False}
    low, high = facts["momentum"]
    return {"cycle_momentum": True, "base_momentum": low, "max_momentum": high}


def _plateau(piece: Piece, base: float) -> Counterpart | None:
    facts = piece.facts
    if not _near(rate(facts["entry"]), base):
        return None
    names = ("factor", "patience", "threshold", "threshold_mode", "cooldown", "eps")
    arguments = {name: facts[name] for name in names}
    arguments |= {"mode": facts["mode"] or "min", "min_lr": [rate(facts["min"])]}
    return Counterpart("ReduceLROnPlateau", arguments, only_alone=True)


_EACH_GROUP = {"base_lr", "max_lr", "min_lr"}

_TABLE: dict[str, Match] = {
    "hold": _hold,
    "linear": _linear,
    "cosine": _cosine,
    "poly": _poly,
    "exp": _exp,
    "step": _step,
    "multistep": _multistep,
    "restarts": _restarts,
    "cyclic": _cyclic,
    "onecycle": _onecycle,
    "plateau": _plateau,
}
