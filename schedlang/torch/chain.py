"""``engine="chain"``: PyTorch's own classes under one flat ``SequentialLR``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from schedlang.program import Piece, Program
from schedlang.torch import alone
from schedlang.torch.alone import Plain, set_tick
from schedlang.torch.counterparts import Counterpart, counterpart
from schedlang.torch.groups import (
    base_rates,
    has_tensor_rates,
    last_rates,
    restart,
    write_rates,
)
from schedlang.torch.momentum import has_tensor_betas

AHEAD = 512
"""Ticks that are computed at once."""


class Share:
    """What a `LambdaLR` multiplies the base rate with: a stretch of the schedule, in shares.

    It is pickled as the text, the binding, the base rate and where it begins. It has no state
    besides, so that nothing of it is in a ``state_dict``.
    """

    __slots__ = ("__dict__", "_base", "_begin", "_first", "_program", "_shares")

    def __init__(self, program: Program, base: float, begin: int) -> None:
        self._program = program
        self._base = base
        self._begin = begin
        self._first = 0
        self._shares: list[float] = []

    def __call__(self, t: int) -> float:
        """The share at the stretch's own tick ``t``."""
        if not 0 <= t - self._first < len(self._shares):
            self._first = t
            self._shares = self._ahead(self._begin + t).tolist()
        return self._shares[t - self._first]

    def _ahead(self, tick: int) -> NDArray[np.float64]:
        rates = self._program.between(tick, tick + AHEAD)
        return rates / self._base if self._base else rates  # a group at base 0 stays there

    def __reduce__(self) -> tuple[Any, ...]:
        text, binding = self._program.text, dict(self._program.binding)
        return _restored, (text, binding, self._base, self._begin)


def _restored(text: str, binding: Mapping[str, str | int], base: float, begin: int) -> Share:
    from schedlang.schedule import restore

    return Share(restore(text, binding, base), base, begin)


class Chain(Plain, lr_scheduler.SequentialLR):
    """PyTorch's ``SequentialLR`` of PyTorch's own schedulers; and it knows its schedule."""

    _schedulers: list[LRScheduler]
    _milestones: list[int]

    def step(self) -> None:  # type: ignore[override]  # as PyTorch's own
        if len(self.optimizer.param_groups) != len(self.bases):
            self.refuse_new_groups()
        lr_scheduler.SequentialLR.step(self)

    def jump(self, tick: int) -> None:
        index = bisect_right(self._milestones, tick)
        child = self._schedulers[index]
        set_tick(child, tick - (self._milestones[index - 1] if index else 0))
        self.last_epoch = tick
        write_rates(self.optimizer.param_groups, self.rates_at(tick))
        self._last_lr = last_rates(self.optimizer)


def refusal(program: Program, optimizer: Optimizer) -> str | None:
    """Why the chain cannot be this schedule, or None if it can."""
    if program.plateau is None and program.momentum is None:
        return None
    plan = _plan(program, optimizer)
    lone = plan[0].arguments if len(plan) == 1 else {}
    why = None
    if program.plateau is not None:
        text = program.plateau["text"]
        if program.tick == "step":
            why = "counts epochs while updates are ticked, and ReduceLROnPlateau knows no updates"
        elif "patience" not in lone:
            why = "follows another phase, and SequentialLR refuses ReduceLROnPlateau"
    elif program.momentum is not None:
        text = program.momentum.pieces[0].text
        if "cycle_momentum" not in lone:
            why = "moves the momentum, which PyTorch's own class can do only where it stands alone"
        elif has_tensor_betas(optimizer):
            why = "moves the momentum, and PyTorch's own class would replace the tensors in betas"
    return None if why is None else f'`{text}` {why}: use engine="fused"'


def build(program: Program, optimizer: Optimizer, start: int) -> Plain:
    """The chain at a tick; one class where that is the whole schedule."""
    restart(optimizer.param_groups)
    plan = _plan(program, optimizer)
    scheduler: Plain
    if len(plan) == 1:
        (only,) = plan.values()
        scheduler = alone.CLASSES[only.name](optimizer, **only.arguments)
    else:
        children = [
            getattr(lr_scheduler, child.name)(optimizer, **child.arguments)
            for child in plan.values()
        ]
        scheduler = Chain(optimizer, children, list(plan)[1:])
    scheduler.knows(program, base_rates(optimizer))
    if start:
        scheduler.jump(start)
    return scheduler


def _plan(program: Program, optimizer: Optimizer) -> dict[int, Counterpart]:
    """The classes by the ticks at which they begin."""
    bases = base_rates(optimizer)
    programs = {base: program.rebase(base) for base in bases}
    # Most classes multiply the rate of the step before; in a float32 tensor those errors add up.
    exact = {"ReduceLROnPlateau"} if has_tensor_rates(optimizer) else None
    plan: dict[int, Counterpart] = {}
    for begin, pieces in _stretches([programs[base] for base in bases]):
        found = counterpart(pieces, bases) if pieces else None
        if found is None or (exact is not None and found.name not in exact):
            found = _share(begin, programs, bases)
        plan[begin] = found
    if len(plan) == 2 and plan[0].holds and not program.pieces[1].text:
        return {0: plan[0]}
    if len(plan) > 1:
        for begin, child in plan.items():
            if child.only_alone:
                plan[begin] = _share(begin, programs, bases)
    return plan


def _share(begin: int, programs: Mapping[float, Program], bases: list[float]) -> Counterpart:
    shares = {base: Share(program, base, begin) for base, program in programs.items()}
    return Counterpart("LambdaLR", {"lr_lambda": [shares[base] for base in bases]})


def _pieces(program: Program) -> Sequence[Piece]:
    """The first track's pieces; a closing `hold` itself holds the end."""
    *before, last = program.pieces
    if last.text or not before or before[-1].kind != "hold" or before[-1].factor:
        return program.pieces
    return [*before[:-1], before[-1]._replace(end=None)]


def _stretches(programs: list[Program]) -> Iterator[tuple[int, list[Piece]]]:
    """Where a child begins, and its phase as it is for each group (none: several at once)."""
    loop = programs[0].tracks[0].loop
    in_product = False
    for pieces in zip(*map(_pieces, programs), strict=True):
        piece = pieces[0]
        if loop is not None and piece.begin >= loop.begin:
            yield piece.begin, []
            return
        if piece.factor:
            if not in_product:
                yield piece.begin, []
        else:
            yield piece.begin, list(pieces)
        in_product = piece.factor
