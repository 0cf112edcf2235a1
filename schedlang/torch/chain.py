"""``engine="chain"``: PyTorch's own classes under one flat ``SequentialLR``.

`schedlang.counterparts.torch` decides which class is used for a phase.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import Call, CallArgument, Root
from schedlang.counterparts.torch import chain_plan, why_no_chain
from schedlang.program.program import Program
from schedlang.torch import native
from schedlang.torch.assignments import Assignment
from schedlang.torch.groups import base_rates, has_tensor_rates
from schedlang.torch.momentum import has_tensor_betas
from schedlang.torch.native import NativeScheduler, set_tick

AHEAD = 512
"""The number of ticks that are computed at once."""


class RateFactor:
    """The factor of a `LambdaLR`: a part of the schedule, in shares of the base rate.

    It is pickled as the text, the binding, the base rate and its first tick. It has no other state,
    so a ``state_dict`` contains nothing of it.
    """

    __slots__ = ("__dict__", "_base", "_begin", "_factors", "_first", "_program")

    def __init__(self, program: Program, base: float, begin: int) -> None:
        self._program = program
        self._base = base
        self._begin = begin
        self._first = 0
        self._factors: list[float] = []

    def __call__(self, t: int) -> float:
        """The share at ``t`` ticks after its first tick."""
        if not 0 <= t - self._first < len(self._factors):
            self._first = t
            self._factors = self._ahead(self._begin + t).tolist()
        return self._factors[t - self._first]

    def _ahead(self, tick: int) -> NDArray[np.float64]:
        rates = self._program.between(tick, tick + AHEAD)
        return rates / self._base if self._base else rates  # a group at base 0 stays there

    def __reduce__(self) -> tuple[Any, ...]:
        text, binding = self._program.text, dict(self._program.binding)
        return _restored, (text, binding, self._base, self._begin)


def _restored(text: str, binding: Mapping[str, str | int], base: float, begin: int) -> RateFactor:
    from schedlang.schedule import restore

    return RateFactor(restore(text, binding, base), base, begin)


class Chain(NativeScheduler, lr_scheduler.SequentialLR):
    """PyTorch's ``SequentialLR`` of PyTorch's own schedulers."""

    _schedulers: list[LRScheduler]
    _milestones: list[int]

    def _count(self, tick: int) -> None:
        child, begin = self._child(tick)
        set_tick(child, tick - begin)
        self.last_epoch = tick

    def _own_step(self) -> None:
        # As in PyTorch's ``step`` if no child begins.
        child = self._schedulers[bisect_right(self._milestones, self.last_epoch)]
        child.step()
        self.last_epoch += 1
        self._step_count += 1
        self._last_lr = child.get_last_lr()

    def _own_end(self, tick: int) -> float:
        # When a child begins, releases such as 2.4 issue a warning about their own call.
        later = self._milestones[bisect_right(self._milestones, tick) :]
        return min([super()._own_end(tick), *later[:1]])

    def _child(self, tick: int) -> tuple[LRScheduler, int]:
        """The scheduler that is active at a tick, and the tick at which it begins."""
        index = bisect_right(self._milestones, tick)
        return self._schedulers[index], self._milestones[index - 1] if index else 0

    @property
    def _waits(self) -> bool:
        # Another SequentialLR resets the children of this one, on older releases this one itself.
        child, begin = self._child(self.last_epoch)
        return self.last_epoch < 0 or child.last_epoch < self.last_epoch - begin


def refusal(program: Program, optimizer: Optimizer) -> str | None:
    """The reason why the chain cannot express this schedule, or None if it can."""
    if has_tensor_rates(optimizer):
        return (
            "a parameter group has a tensor as its rate, which PyTorch's own classes replace or "
            'multiply, differently from release to release: use engine="fused"'
        )
    if program.plateau is None and program.momentum is None:
        return None
    reason = why_no_chain(
        program, chain_plan(program, Levels(base_rates(optimizer), program.names))
    )
    if reason is None and program.momentum is not None and has_tensor_betas(optimizer):
        text = program.momentum.pieces[0].text
        reason = (
            f"`{text}` moves the momentum, and PyTorch's own class would replace the tensors in "
            "betas"
        )
    return None if reason is None else f'{reason}: use engine="fused"'


def build(program: Program, line: Assignment, optimizer: Optimizer) -> NativeScheduler:
    """The chain of a line at tick 0; a single class if that is the whole schedule."""
    line.restart(optimizer.param_groups)
    planned = _plan(program, optimizer)
    scheduler: NativeScheduler
    if len(planned) == 1:
        (only,) = planned.values()
        scheduler = native.CLASSES[only.name](optimizer, **only.arguments)
    else:
        children = [
            getattr(lr_scheduler, child.name)(optimizer, **child.arguments)
            for child in planned.values()
        ]
        scheduler = Chain(optimizer, children, list(planned)[1:])
    scheduler.follow([line])
    return scheduler


class Child(NamedTuple):
    """A PyTorch class and its arguments without the optimizer."""

    name: str
    arguments: dict[str, Any]


def _plan(program: Program, optimizer: Optimizer) -> dict[int, Child]:
    """The classes by the tick at which each begins."""
    bases = base_rates(optimizer)
    levels = Levels(bases, program.names)
    programs = {base: program.rebase(base) for base in levels.bases}
    children: dict[int, Child] = {}
    for begin, part in chain_plan(program, levels).items():
        if part.call is None:
            factors = {base: RateFactor(programs[base], base, begin) for base in levels.bases}
            children[begin] = Child("LambdaLR", {"lr_lambda": [factors[base] for base in bases]})
        else:
            children[begin] = _child(part.call, levels, bases)
    return children


def _child(call: Call, levels: Levels, bases: list[float]) -> Child:
    """The class of a call, with numbers for the groups as arguments."""

    def number(argument: CallArgument) -> Any:
        match argument:
            case Root(x, n):
                return x ** (1 / n)
            case bool() | int() | float() | str():
                return argument
            case tuple():
                return [number(item) for item in argument]
            case Mapping():
                return dict(argument)
            case _:
                rates = levels.rates(argument)
                return [rates[base] for base in bases]

    return Child(call.name, {name: number(x) for name, x in call.arguments.items()})
