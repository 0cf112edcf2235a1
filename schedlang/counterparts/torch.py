"""PyTorch's schedulers, for phases whose values they give exactly.

Their limits: ``SequentialLR`` restarts each of its children from the base rate, and most classes
multiply the rate of the step before. So a class can be used if the phase starts at the base rate,
or if the class's own factor gives the level at which the phase starts. `LinearLR` does not accept
factors of 0 or above 1; `CosineAnnealingLR` has one ``eta_min`` for all groups and rises again
after its end; `ConstantLR` returns to the base rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schedlang.counterparts import table
from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import (
    Call,
    CallArgument,
    Counterpart,
    Root,
    is_whole,
    understands,
)
from schedlang.formula.expressions import ZERO, power
from schedlang.program.program import Arguments, Piece, Program, Track

FOREVER = 2**53
"""The largest tick, since not every larger integer is a double; used for endless phases."""

LONGEST_POWER = 1_000_000
"""The number of ticks for which powers of a rounded root stay within 1e-10 of the exact ones."""

EXACT_PART = 2**10
"""Periods in such fractions of a tick have exact sums; with others, such as 1/3, cycles drift."""

MOST_CYCLES = 1000
"""The number of cycles for which ``CyclicLR`` can compute ``2.0**cycle``."""

DEFAULTS: Mapping[str, Mapping[str, CallArgument]] = {
    "LinearLR": {"end_factor": 1.0},
    "CosineAnnealingLR": {"eta_min": 0.0},
    "PolynomialLR": {"power": 1.0},
    "CosineAnnealingWarmRestarts": {"T_mult": 1, "eta_min": 0.0},
    "CyclicLR": {"mode": "triangular", "gamma": 1.0, "cycle_momentum": True},
    "OneCycleLR": {
        "pct_start": 0.3,
        "div_factor": 25.0,
        "final_div_factor": 1e4,
        "anneal_strategy": "cos",
        "three_phase": False,
        "cycle_momentum": True,
    },
    "ReduceLROnPlateau": {
        "mode": "min",
        "threshold": 1e-4,
        "threshold_mode": "rel",
        "cooldown": 0,
        "eps": 1e-8,
        "min_lr": ZERO,
    },
}
"""The defaults of the classes' arguments; the source omits them."""


def counterpart(piece: Piece, levels: Levels) -> Call | None:
    """PyTorch's class for a phase, for all parameter groups with the base rates of `levels`.

    The arguments are those of the class without the optimizer. A level among them is a rate for
    each group.
    """
    return table.find(COUNTERPARTS, piece, levels)


class ChainedPhase(NamedTuple):
    """The part of the schedule that one scheduler of the chain computes.

    Attributes:
        piece: the phase; None for several phases at once or a repeat.
        call: PyTorch's class; None if a `LambdaLR` over the formula is used.
    """

    piece: Piece | None
    call: Call | None


def chain_plan(program: Program, levels: Levels) -> dict[int, ChainedPhase]:
    """The schedulers of the chain, by the tick at which each begins."""
    track = program.symbolic[0]
    found = {
        begin: ChainedPhase(piece, None if piece is None else counterpart(piece, levels))
        for begin, piece in _chained_phases(track, levels)
    }
    first = found[0]
    if first.call is not None and _is_all(first.call, track, levels):
        return {0: first}
    return {
        begin: each._replace(call=None)
        if each.call is not None and each.call.not_in_sequence and len(found) > 1
        else each
        for begin, each in found.items()
    }


def why_no_chain(program: Program, planned: Mapping[int, ChainedPhase]) -> str | None:
    """The reason why PyTorch's own classes cannot express a schedule with a plateau or momentum."""
    calls = [each.call for each in planned.values()]
    arguments = calls[0].arguments if len(calls) == 1 and calls[0] is not None else {}
    if program.plateau is not None:
        text = program.plateau["text"]
        if program.tick == "step":
            return (
                f"`{text}` counts epochs, but a tick is an update and ReduceLROnPlateau counts "
                "every step"
            )
        if "patience" not in arguments:
            return f"`{text}` follows another phase, and SequentialLR refuses ReduceLROnPlateau"
    elif program.momentum is not None and "cycle_momentum" not in arguments:
        text = program.momentum.pieces[0].text
        return (
            f"`{text}` moves the momentum, which PyTorch's own class can do only as the whole "
            "schedule"
        )
    return None


def why_no_class(piece: Piece) -> str:
    """The reason why PyTorch has no class for a phase."""
    found = COUNTERPARTS.get(piece.kind)
    if found is None:
        return f"PyTorch has no class for `{piece.kind}`"
    missing = table.not_understood(found, piece.arguments)
    if missing:
        return f"its class has no `{min(missing)}`"
    return LIMITS[piece.kind]


def _is_all(call: Call, track: Track, levels: Levels) -> bool:
    """Whether the schedule is a single phase whose class also holds its end level."""
    if len(track.pieces) != 2 or track.pieces[1].text:
        return False
    phase, end = track.pieces
    holds = call.holds
    if call.name == "OneCycleLR":  # ours holds its last rate
        holds = phase.arguments["b"]
    return holds is not None and levels.same(holds, end.curve)


def _pieces(track: Track, levels: Levels) -> Iterator[Piece]:
    """The pieces of a track; a final `hold` and the end level are one."""
    *pieces, end = track.pieces
    last = pieces[-1] if pieces else end
    is_hold = last.kind == "hold" and not last.factor and not end.text
    if pieces and is_hold and levels.same(last.curve, end.curve):
        end = pieces.pop()._replace(end=None)
    yield from (*pieces, end)


def _chained_phases(track: Track, levels: Levels) -> Iterator[tuple[int, Piece | None]]:
    """The tick at which each child begins, and its phase (None: several at once)."""
    in_product = False
    for piece in _pieces(track, levels):
        if track.loop is not None and piece.begin >= track.loop.begin:
            yield piece.begin, None
            return
        if piece.factor:
            if not in_product:
                yield piece.begin, None
        else:
            yield piece.begin, piece
        in_product = piece.factor


def _hold(piece: Piece, levels: Levels) -> Call | None:
    share = levels.share(piece.curve)
    if share is None or not 0 <= share <= 1:
        return None
    ticks = FOREVER if piece.end is None else piece.end - piece.begin
    return Call("ConstantLR", {"factor": share, "total_iters": ticks})


def _linear(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    a, b = levels.share(phase["a"]), levels.share(phase["b"])
    if a is None or b is None or not 0 < a <= 1 or not 0 <= b <= 1:
        return None
    arguments = {"start_factor": a, "end_factor": b, "total_iters": phase["T"]}
    return Call("LinearLR", arguments, holds=phase["b"])


def _cosine(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    low = levels.rate(phase["b"])
    if low is None or not levels.is_base(phase["a"]):
        return None
    return Call("CosineAnnealingLR", {"T_max": phase["T"], "eta_min": low})


def _poly(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    is_zero = levels.rate(phase["b"]) == 0
    if phase.get("role") == "warmup" or not is_zero or not levels.is_base(phase["a"]):
        return None
    arguments = {"total_iters": phase["T"], "power": phase["power"]}
    return Call("PolynomialLR", arguments, holds=phase["b"])


def _exp(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    share, every = phase.get("gamma"), phase.get("every", 1.0)
    if share is None:
        if "every" in phase:
            return None  # a staircase
        share, every = levels.share(phase["b"]), float(phase["T"])
    if not share or not levels.is_base(phase["a"]):
        return None
    if every == 1:
        return Call("ExponentialLR", {"gamma": share})
    if _ticks(piece) > LONGEST_POWER:
        return None
    return Call("ExponentialLR", {"gamma": Root(share, every)})


def _step(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    if not is_whole(phase["every"]) or not levels.is_base(phase["a"]):
        return None
    return Call("StepLR", {"step_size": int(phase["every"]), "gamma": phase["gamma"]})


def _multistep(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    gamma, *others = set(phase["factors"])
    if others or not levels.is_base(phase["a"]):
        return None
    milestones = table.milestones(phase)
    holds = None
    if milestones[-1] < _ticks(piece) < math.inf:
        holds = phase["a"] * power(gamma, len(milestones))
    return Call("MultiStepLR", {"milestones": milestones, "gamma": gamma}, holds)


def _restarts(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    low = levels.rate(phase["min"])
    whole = is_whole(phase["first"]) and is_whole(phase["mult"])
    if low is None or not whole or not levels.is_base(phase["a"]):
        return None
    if low > min(levels.bases, default=0.0):
        return None
    arguments = {"T_0": int(phase["first"]), "T_mult": int(phase["mult"]), "eta_min": low}
    return Call("CosineAnnealingWarmRestarts", arguments)


def _cyclic(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    up, down = phase["up"], phase.get("down", phase["up"])
    if not (is_whole(up * EXACT_PART) and is_whole(down * EXACT_PART)):
        return None
    if phase["gamma"] > 1:  # PyTorch computes gamma**t, which overflows
        return None
    if not (levels.is_known(phase["min"]) and levels.is_known(phase["max"])):
        return None
    arguments: dict[str, CallArgument] = {
        "base_lr": phase["min"],
        "max_lr": phase["max"],
        "step_size_up": _length(up),
        **({"step_size_down": _length(down)} if "down" in phase else {}),
        "mode": phase["mode"],
        "gamma": phase["gamma"],
        **_momentum(phase),
    }
    overflows = phase["mode"] == "triangular2" and _ticks(piece) > MOST_CYCLES * (up + down)
    return Call("CyclicLR", arguments, not_in_sequence=overflows)


def _length(ticks: float) -> float:
    return int(ticks) if is_whole(ticks) else ticks


def _onecycle(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    ticks, pct = phase["T"], phase["pct"]
    if ticks == 1 or math.isclose(pct * ticks, 1):
        return None  # PyTorch divides by the length of the rise, which is 0
    if not levels.is_known(phase["max"]):
        return None
    arguments = {
        "max_lr": phase["max"],
        "total_steps": ticks,
        "pct_start": pct,
        "div_factor": phase["div"],
        "final_div_factor": phase["final_div"],
        "anneal_strategy": phase["anneal"],
        "three_phase": phase["three_phase"],
        **_momentum(phase),
    }
    return Call("OneCycleLR", arguments, not_in_sequence=True)  # it overwrites the base rates


def _momentum(phase: Arguments) -> dict[str, CallArgument]:
    if "momentum" not in phase:
        return {"cycle_momentum": False}
    low, high = phase["momentum"]
    return {"cycle_momentum": True, "base_momentum": low, "max_momentum": high}


def _plateau(piece: Piece, levels: Levels) -> Call | None:
    phase = piece.arguments
    return reduce_on_plateau(phase, levels) if levels.is_base(phase["entry"]) else None


def reduce_on_plateau(phase: Arguments, levels: Levels) -> Call | None:
    """``ReduceLROnPlateau`` for a plateau at any level; None if it does not support an argument."""
    missing = table.not_understood(COUNTERPARTS["plateau"], phase)
    if missing or not levels.is_known(phase["min"]):
        return None
    arguments: dict[str, CallArgument] = {
        "mode": phase["mode"],
        "factor": phase["factor"],
        "patience": phase["patience"],
        "threshold": phase["threshold"],
        "threshold_mode": phase["threshold_mode"],
        "cooldown": phase["cooldown"],
        "eps": phase["eps"],
        "min_lr": phase["min"],
    }
    return Call("ReduceLROnPlateau", arguments, not_in_sequence=True)


def _ticks(piece: Piece) -> float:
    return math.inf if piece.end is None else piece.end - piece.begin


COUNTERPARTS: dict[str, Counterpart] = {
    "hold": understands("to", _hold),
    "linear": understands("role from to min", _linear),
    "cosine": understands("role from to min", _cosine),
    "poly": understands("role from to min power", _poly),
    "exp": understands("role from to gamma every", _exp),
    "step": understands("from every gamma", _step),
    "multistep": understands("from at gamma", _multistep),
    "restarts": understands("from first mult min cycles", _restarts),
    "cyclic": understands("up down min max mode gamma momentum", _cyclic),
    "onecycle": understands("max pct div final_div anneal three_phase momentum", _onecycle),
    # The training loop handles `monitor`, since it passes the metric.
    "plateau": understands(
        "mode factor patience threshold threshold_mode cooldown min eps monitor", _plateau
    ),
}

_FROM_BASE = "starts from the base rate"
LIMITS = {
    "hold": "ConstantLR has a factor from 0 to 1 of the base rate",
    "linear": "LinearLR has factors above 0 and up to 1 of the base rate",
    "cosine": f"CosineAnnealingLR {_FROM_BASE}, with one eta_min for all groups",
    "poly": f"PolynomialLR {_FROM_BASE} and falls to 0",
    "exp": f"ExponentialLR {_FROM_BASE}, and is exact for a million ticks",
    "step": f"StepLR {_FROM_BASE}, with whole periods",
    "multistep": f"MultiStepLR {_FROM_BASE}, with one factor",
    "restarts": f"CosineAnnealingWarmRestarts {_FROM_BASE}, with whole cycles",
    "cyclic": "CyclicLR sets the rates itself, so it must be the whole schedule",
    "onecycle": "OneCycleLR overwrites the base rates, so it must be the whole schedule",
    "plateau": "ReduceLROnPlateau must be the whole schedule",
}
"""The reason why the class for a kind of phase does not give its values."""
