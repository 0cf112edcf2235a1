"""``engine="chain"``: PyTorch's own classes under one flat ``SequentialLR``."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from schedlang.program.program import Piece, Program
from schedlang.torch import alone
from schedlang.torch.alone import Plain, set_tick
from schedlang.torch.counterparts import Counterpart, counterpart, rate
from schedlang.torch.groups import base_rates, has_tensor_rates, restart
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
    """PyTorch's ``SequentialLR`` of PyTorch's own schedulers."""

    _schedulers: list[LRScheduler]
    _milestones: list[int]

    def _count(self, tick: int) -> None:
        child, begin = self._child(tick)
        set_tick(child, tick - begin)
        self.last_epoch = tick

    def _child(self, tick: int) -> tuple[LRScheduler, int]:
        """The scheduler that is at work at a tick, and where it begins."""
        index = bisect_right(self._milestones, tick)
        return self._schedulers[index], self._milestones[index - 1] if index else 0

    @property
    def _waits(self) -> bool:
        # Another SequentialLR undoes the children of this one, on older releases this one itself.
        child, begin = self._child(self.last_epoch)
        return self.last_epoch < 0 or child.last_epoch < self.last_epoch - begin


def refusal(program: Program, optimizer: Optimizer) -> str | None:
    """Why the chain cannot be this schedule, or None if it can."""
    if has_tensor_rates(optimizer):
        return (
            "a parameter group has a tensor as its rate, which PyTorch's own classes replace or "
            'multiply, differently from release to release: use engine="fused"'
        )
    if program.plateau is None and program.momentum is None:
        return None
    plan = _plan(program, optimizer)
    lone = plan[0].arguments if len(plan) == 1 else {}
    why = None
    if program.plateau is not None:
        text = program.plateau["text"]
        if program.tick == "step":
            why = "counts epochs while updates are ticked, and ReduceLROnPlateau counts every step"
        elif "patience" not in lone:
            why = "follows another phase, and SequentialLR refuses ReduceLROnPlateau"
    elif program.momentum is not None:
        text = program.momentum.pieces[0].text
        if "cycle_momentum" not in lone:
            why = "moves the momentum, which PyTorch's own class can do only where it stands alone"
        elif has_tensor_betas(optimizer):
            why = "moves the momentum, and PyTorch's own class would replace the tensors in betas"
    return None if why is None else f'`{text}` {why}: use engine="fused"'


def build(program: Program, optimizer: Optimizer) -> Plain:
    """The chain at tick 0; one class where that is the whole schedule."""
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
    scheduler.set_schedule(program, base_rates(optimizer))
    return scheduler


def _plan(program: Program, optimizer: Optimizer) -> dict[int, Counterpart]:
    """The classes by the ticks at which they begin."""
    bases = base_rates(optimizer)
    programs = {base: program.rebase(base) for base in bases}
    plan: dict[int, Counterpart] = {}
    for begin, pieces in _stretches([programs[base] for base in bases]):
        found = counterpart(pieces, bases) if pieces else None
        plan[begin] = _share(begin, programs, bases) if found is None else found
    if len(plan) == 2 and plan[0].holds and all(map(_holds_its_end, programs.values())):
        return {0: plan[0]}
    if len(plan) > 1:
        for begin, child in plan.items():
            if child.only_alone:
                plan[begin] = _share(begin, programs, bases)
    return plan


def _share(begin: int, programs: Mapping[float, Program], bases: list[float]) -> Counterpart:
    shares = {base: Share(program, base, begin) for base, program in programs.items()}
    return Counterpart("LambdaLR", {"lr_lambda": [shares[base] for base in bases]})


def _holds_its_end(program: Program) -> bool:
    """Whether the schedule is one phase, and the level held after it is the one it ends on."""
    if len(program.pieces) != 2 or program.pieces[1].text:
        return False
    phase, end = program.pieces
    last = rate(phase.facts["b"]) if "b" in phase.facts else program.at(end.begin - 1)
    return _near(last, rate(end.curve))


def _pieces(programs: list[Program]) -> Iterator[tuple[Piece, ...]]:
    """The first tracks' pieces, each for all groups; a closing `hold` itself holds its level."""
    *pieces, end = zip(*(program.pieces for program in programs), strict=True)
    closing = pieces[-1] if pieces else end
    if (
        pieces
        and not end[0].text
        and closing[0].kind == "hold"
        and not closing[0].factor
        and all(_near(rate(x.curve), rate(y.curve)) for x, y in zip(closing, end, strict=True))
    ):
        yield from pieces[:-1]
        yield tuple(piece._replace(end=None) for piece in closing)
    else:
        yield from (*pieces, end)


def _near(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-12)


def _stretches(programs: list[Program]) -> Iterator[tuple[int, list[Piece]]]:
    """Where a child begins, and its phase as it is for each group (none: several at once)."""
    loop = programs[0].tracks[0].loop
    in_product = False
    for pieces in _pieces(programs):
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
