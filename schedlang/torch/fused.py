"""``engine="fused"``: one scheduler for any line, or for all lines of a plan."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias

import torch
from torch.optim import Optimizer

from schedlang.torch.assignments import Assignment
from schedlang.torch.groups import ParamGroup, Slot
from schedlang.torch.metrics import TakesMetrics, one_metric
from schedlang.torch.plateau import ClosingPlateau
from schedlang.torch.scheduler import OnMismatch

LineWrites: TypeAlias = tuple[
    Slot | None, str, list[ParamGroup], list[float], list[float], list[float]
]
"""The data of a step for one line: the slot if the number is inside the value of its key, the key,
the groups and their bases, and for each tick the level pair (see `schedlang.torch.rates.Rates`)."""
GroupCheck: TypeAlias = tuple[Slot | None, str, ParamGroup, float, list[float], list[float]]
"""The same for the one group that a step checks. Named tuples take twice as long to unpack."""

UniformWrites: TypeAlias = tuple[str, list[ParamGroup], Iterator[tuple[ParamGroup, float, float]]]
"""A key, its groups, and for each step the group that it checks, and the number that all groups
have before and after the step."""

StepsAhead: TypeAlias = tuple[
    list[ParamGroup],
    list[float],
    UniformWrites | None,
    Iterator[tuple[int, GroupCheck]],
    list[LineWrites],
]
NOTHING_AHEAD: StepsAhead = ([], [], None, iter(()), [])


class Fused(TakesMetrics):
    """A scheduler that computes its numbers a block of ticks ahead.

    A step looks up the level pair of its tick and sets each group to ``relative·base + absolute``.
    Each step checks one group, in turn, for a number that other code has changed. Tensors are
    updated in place.

    Attributes:
        last_epoch: the tick.
        _block: the precomputed steps: the optimizer's list of groups (loading a state makes a new
            one) and the base rates for which they were computed; the data of a step if it sets one
            number; else the index of each step with the data that it checks and sets.
    """

    def __init__(
        self,
        assignments: Sequence[Assignment],
        values: Sequence[Assignment],
        optimizer: Optimizer,
    ) -> None:
        for assignment in assignments:
            assignment.restart(optimizer.param_groups)
        self.optimizer = optimizer
        self.follow(assignments, values)
        self._block = NOTHING_AHEAD
        super().__init__(optimizer)

    def begin(self, start: int, on_mismatch: OnMismatch, stale: str | None) -> None:
        super().begin(start, on_mismatch, stale)
        self._write()  # including the momentum

    @property
    def last_epoch(self) -> int:
        return self._tick

    @last_epoch.setter
    def last_epoch(self, tick: int) -> None:
        # PyTorch's SequentialLR resets its children this way, and passes no metrics.
        if tick < 0 and self._watch is not None:
            self._refuse_to_be_a_child()
        self._tick = tick
        if self._watch is not None and not self._watch.inside:
            self._watch.tick = None  # the rates in the groups are not known to be those of the tick
            self._block = NOTHING_AHEAD

    def _refuse_to_be_a_child(self) -> None:
        for plateau in self._plateaus():
            raise ValueError(
                f"`{plateau.text}` needs a metric, which another scheduler does not pass on: "
                "write the phases before it in the line, as in `warmup 5 -> plateau`"
            )

    def _enter(self, tick: int) -> None:
        self._refuse_to_be_a_child()
        super()._enter(tick)

    def step(
        self, metric: SupportsFloat | None = None, *, metrics: SupportsFloat | None = None
    ) -> None:
        """End a tick: the next update has the next numbers.

        Args:
            metric: the metric of a final `plateau`; ignored before the plateau, required inside it
                if a tick is an epoch. Without a plateau, a tick to go to, as in PyTorch.
            metrics: the same, under PyTorch's name.

        Raises:
            TypeError: if a metric is missing, or is given without a plateau.
        """
        groups, bases, uniform, ahead, writes = self._block
        if (
            metric is None
            and metrics is None
            and groups is self.optimizer.param_groups
            and len(groups) == len(bases)
            and self.bases == bases
        ):
            if uniform is not None:
                key, members, pairs = uniform
                for checked, was, number in pairs:
                    if checked[key] != was:
                        break
                    self._tick += 1
                    self._step_count += 1
                    for group in members:
                        group[key] = number
                    return
            for index, (checked_slot, checked_key, checked, own_base, factors, numbers) in ahead:
                number = numbers[index - 1]
                if factors:
                    number = factors[index - 1] * own_base + number
                found = checked[checked_key] if checked_slot is None else checked_slot.read(checked)
                if found != number:
                    break
                self._tick += 1
                self._step_count += 1
                for slot, key, members, bases, relative, absolute in writes:
                    number = absolute[index]
                    if slot is not None:
                        factor = relative[index] if relative else 0.0
                        for group, base in zip(members, bases, strict=True):
                            slot.write(group, factor * base + number)
                    elif not relative:
                        for group in members:
                            group[key] = number
                    else:
                        factor = relative[index]
                        for group, base in zip(members, bases):  # noqa: B905  # their lengths are equal
                            group[key] = factor * base + number
                return
        self._step(one_metric(metric, metrics))

    def _step(self, metric: SupportsFloat | None) -> None:
        """A step that checks all groups."""
        plateaus, count = self._plateaus(), self._step_count + 1
        self._block = NOTHING_AHEAD  # its current step may already be consumed
        if self._watch is None:
            super(TakesMetrics, self).step()  # PyTorch's own first step
            return
        if not plateaus and metric is not None:
            if not isinstance(metric, SupportsIndex) or isinstance(metric, torch.Tensor):
                raise TypeError("this schedule has no `plateau`: step() takes no metric")
            self._enter(operator.index(metric))
            self._step_count = count
            return
        self._settle()
        begun = [plateau for plateau in plateaus if self._tick >= plateau.begin]
        if metric is None and begun:
            begun[0].miss(self._tick)  # all plateaus have the same metric
        elif metric is not None:
            for plateau in begun:
                plateau.receive_at(self._tick, float(metric))
        if self._step_count == 1:
            self._watch.inside = True
            try:
                super().step()  # PyTorch checks that the optimizer steps first
            finally:
                self._watch.inside = False
        else:
            self._tick += 1
        self._step_count = count
        self._write()

    def _receive(self, plateau: ClosingPlateau, metric: SupportsFloat) -> None:
        if plateau.receive_at(self._tick, float(metric)):
            self._write()

    def _settle(self) -> None:
        if self._watched.tick is not None:
            self._watched.tick = self._tick  # a step on the fast path does not set it
        super()._settle()

    def _written(self, assignment: Assignment) -> Sequence[float | None]:
        return assignment.at(self._tick)

    def _write(self) -> None:
        super()._write()
        tick, all_groups, self._block = self._tick, self.optimizer.param_groups, NOTHING_AHEAD
        if not (
            len(self.bases) == self._watched.built_for  # other code may set an added group
            and self._step_count > 1
            and self._watched.stale is None
            and all(assignment.is_plain(all_groups) for assignment in self._assignments)
        ):
            return
        writes: list[LineWrites] = []
        checks: list[GroupCheck] = []
        for line in self._assignments:
            if line.members and line.slot is not None:
                slot, key = None if line.slot.item is None else line.slot, line.slot.key
                groups, bases = [all_groups[i] for i in line.members], line.computed_bases
                past = tick - line.rates.first
                pairs = line.rates.relative[past:], line.rates.absolute[past:]
                writes.append((slot, key, groups, bases, *pairs))
                each = zip(groups, bases, strict=True)
                checks += [(slot, key, group, base, *pairs) for group, base in each]
        uniform: UniformWrites | None = None
        ahead: Iterator[tuple[int, GroupCheck]] = iter(())
        match writes:
            case [(None, key, groups, _, [], numbers)]:
                uniform = key, groups, zip(cycle(groups), numbers, numbers[1:])
            case _:
                ticks = min((len(absolute) for *_, absolute in writes), default=0)
                ahead = zip(range(1, ticks), cycle(checks))
        self._block = all_groups, list(self.bases), uniform, ahead, writes

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The rates of the tick, one for each group; a tensor if the group has one."""
        return [
            torch.full_like(group["lr"], float(rate))
            if isinstance(group["lr"], torch.Tensor)
            else rate
            for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=False)
        ]

    @property
    def _last_lr(self) -> list[float | torch.Tensor]:
        return self.get_last_lr()

    @_last_lr.setter
    def _last_lr(self, rates: list[float | torch.Tensor]) -> None:
        """Ignored: the rates follow from the tick."""

    def state_dict(self) -> dict[str, Any]:
        """The lines, the tick and the memory of plateaus, as plain numbers and text."""
        return {**self._saved(), "last_epoch": self._tick, "_step_count": self._step_count}

    def jump(self, tick: int) -> None:
        super().jump(tick)
        self._block = NOTHING_AHEAD  # the next step checks all groups

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_block": NOTHING_AHEAD}
