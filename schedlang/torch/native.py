"""PyTorch's own classes, for schedules that are one of them.

They compute the same values as PyTorch's. `NativeScheduler` and `BoundScheduler` add the schedule
to their state, and keep the rates on the curve if other code changes the optimizer.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

from torch import Tensor
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from schedlang.torch.assignments import Assignment
from schedlang.torch.groups import ParamGroup, has_tensor_rates, last_rates
from schedlang.torch.metrics import TakesMetrics, one_metric
from schedlang.torch.plateau import ClosingPlateau, ClosingPlateauMemory
from schedlang.torch.scheduler import BoundScheduler

_RATE = operator.itemgetter("lr")


class NativeScheduler(BoundScheduler):
    """PyTorch's own class combined with `BoundScheduler`.

    PyTorch's classes multiply the rate that they find. So a step first restores rates that other
    code has changed. If groups or base rates have changed since construction, the values of the
    curve are written instead.

    Attributes:
        _own_until: PyTorch's own steps are correct before this tick; 0 if the next step must check
            everything.
        _next: the tick after the last own step.
        _groups: the optimizer's list of groups at that step; loading a state makes a new list.
    """

    _own_until: float = 0
    _next = 0
    _groups: Sequence[ParamGroup] | None = None

    def step(self, epoch: int | None = None) -> None:
        """End a tick: the next update has the next rate.

        Args:
            epoch: a tick to go to, as in PyTorch.
        """
        tick, groups = self.last_epoch + 1, self.optimizer.param_groups
        if (
            epoch is None
            and tick == self._next
            and tick < self._own_until
            and groups is self._groups
            and self.bases == self._assignments[0].bases
            and (
                groups[0]["lr"] == self._last_lr[0]
                if len(groups) == len(self._last_lr) == 1  # the common case, in half the time
                else [*map(_RATE, groups)] == self._last_lr
            )
        ):
            self._next = tick + 1
            self._own_step()
        elif self._watch is None:
            super().step()
        else:
            self._checked_step(epoch)

    def _checked_step(self, epoch: int | None) -> None:
        """A step that checks everything."""
        watch, count = self._watched, self._step_count + 1
        if epoch is not None:
            self._enter(operator.index(epoch))
        else:
            self._settle()
            tick = self.last_epoch + 1
            if watch.tick == self.last_epoch and tick < self._own_end(self.last_epoch):
                self._own_step()
                self._note()
            else:
                self.jump(tick)
            self._next, self._groups = tick + 1, watch.groups
            self._own_until = self._own_end(tick) if watch.stale is None else 0
        self._step_count = count

    def _own_step(self) -> None:
        """PyTorch's own step; `_step_count` is set for classes that do not count it."""
        count = self._step_count + 1
        self._watched.inside = True
        try:
            super().step()
        finally:
            self._watched.inside = False
        self._step_count = count

    def _own_end(self, tick: int) -> float:
        """The first tick after this one that PyTorch's own step does not reach."""
        return 0 if self._watched.by_curve or has_tensor_rates(self.optimizer) else math.inf

    @property
    def _made_own_steps(self) -> bool:
        """Whether the last step was one of PyTorch's own, which are not recorded."""
        return self._own_until > 0 and self.last_epoch + 1 == self._next

    def _settle(self) -> None:
        if self._made_own_steps:
            self._watched.tick = self.last_epoch
        super()._settle()

    def _written(self, assignment: Assignment) -> Sequence[float | None]:
        # PyTorch has read them from the groups; none of them is a tensor.
        return self._last_lr if self._made_own_steps else assignment.written  # type: ignore[return-value]

    def jump(self, tick: int) -> None:
        super().jump(tick)
        self._own_until = 0  # the next step checks everything

    def _count(self, tick: int) -> None:
        set_tick(self, tick)

    def get_lr(self) -> list[float | Tensor]:
        """Each group's rate at ``last_epoch``, computed from the schedule."""
        return super(BoundScheduler, self).get_lr() if self._is_own_call else super().get_lr()

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's own state and the schedule."""
        unsaved = {
            "_watch", "_assignments", "_values", "_own_until", "_next", "_groups", "on_mismatch",
        }  # fmt: skip
        renamed = {"_pytorch_base_lrs": "base_lrs"}
        own = super().state_dict().items()
        state = {renamed.get(name, name): v for name, v in own if name not in unsaved}
        return state | self._saved()

    def __getstate__(self) -> dict[str, Any]:
        """The state without the list of groups, since a copy has another optimizer."""
        return {**vars(self), "_groups": None}


def set_tick(scheduler: LRScheduler, tick: int) -> None:
    """Set the counters of PyTorch's class, so that its next step is the one after ``tick``."""
    scheduler.last_epoch = tick
    if isinstance(scheduler, lr_scheduler.CosineAnnealingWarmRestarts):
        length, mult = scheduler.T_0, scheduler.T_mult
        if mult == 1:
            tick %= length
        while tick >= length:
            tick -= length
            length *= mult
        scheduler.T_cur, scheduler.T_i = tick, length


class CyclicLR(NativeScheduler, lr_scheduler.CyclicLR):
    """PyTorch's ``CyclicLR``, except for its first step and its 1025th cycle.

    PyTorch's class starts at ``initial_lr`` if there is one, and computes ``2.0**cycle``.
    """

    def __init__(self, optimizer: Optimizer, **arguments: Any) -> None:
        super().__init__(optimizer, **arguments)
        self.last_epoch = -1
        self._initial_step()

    @staticmethod
    def _triangular2_scale_fn(x: float) -> float:
        return float(0.5 ** (x - 1))


class OneCycleLR(NativeScheduler, lr_scheduler.OneCycleLR):
    """PyTorch's ``OneCycleLR``, except that it holds its end and does not set ``initial_lr``.

    PyTorch's class raises after its last step, and overwrites ``initial_lr``, the base rate of
    other schedulers, with its first rate.
    """

    _schedule_phases: Any

    def __init__(self, optimizer: Optimizer, **arguments: Any) -> None:
        self._levels: list[dict[str, float]] = []
        bases = [group["initial_lr"] for group in optimizer.param_groups]
        super().__init__(optimizer, **arguments)
        names = {"max_lr", "min_lr", "max_momentum", "base_momentum"}
        for group, base in zip(optimizer.param_groups, bases, strict=True):
            levels = {name: level for name, level in group.items() if name in names}
            self._levels.append({**levels, "first_lr": group["initial_lr"]})
            group["initial_lr"] = base
        self.base_lrs = bases
        for phase in self._schedule_phases:
            for end in ("start_lr", "end_lr"):
                if phase[end] == "initial_lr":
                    phase[end] = "first_lr"

    def get_lr(self) -> list[Any]:
        if not self._is_own_call:
            return super().get_lr()
        if self.last_epoch >= self.total_steps:
            return last_rates(self.optimizer)
        # PyTorch reads them from the groups, where a loaded optimizer state may lack them.
        for group, levels in zip(self.optimizer.param_groups, self._levels, strict=False):
            group.update(levels)
        return super().get_lr()


class ReduceLROnPlateau(NativeScheduler, TakesMetrics, lr_scheduler.ReduceLROnPlateau):
    """PyTorch's ``ReduceLROnPlateau`` with the methods of `TakesMetrics`."""

    reductions = 0
    silent_since: int | None = 0

    def step(  # type: ignore[override]  # PyTorch's own differs from its base class too
        self,
        metrics: SupportsFloat | None = None,
        epoch: int | None = None,
        *,
        metric: SupportsFloat | None = None,
    ) -> None:
        """End a tick.

        Args:
            metrics: the metric of the plateau, under PyTorch's name.
            epoch: ignored; deprecated in PyTorch.
            metric: the same as ``metrics``.

        Raises:
            TypeError: if a metric is missing and a tick is an epoch.
        """
        received = one_metric(metric, metrics)
        (plateau,) = self._plateaus()
        self._settle()
        if received is not None:
            self._receive(plateau, received)
        else:
            plateau.miss(self.last_epoch)
            self.silent_since = plateau.memory.silent_since
        self.last_epoch += 1
        self._step_count += 1
        self._write()

    def _receive(self, plateau: ClosingPlateau, metric: SupportsFloat) -> None:
        tick = self.last_epoch
        if self.silent_since is not None:
            self.silent_since = tick
        lr_scheduler.ReduceLROnPlateau.step(self, metric)
        self.last_epoch = tick  # PyTorch has incremented it

    def _reduce_lr(self, epoch: int) -> None:
        self.reductions += 1
        self._write()

    def _plateaus(self) -> list[ClosingPlateau]:
        """The plateau, with the memory of PyTorch's class."""
        (plateau,) = super()._plateaus()
        plateau.memory = ClosingPlateauMemory(
            self.best,
            self.num_bad_epochs,
            self.cooldown_counter,
            self.reductions,
            self.silent_since,
        )
        return [plateau]

    def rates_at(self, tick: int) -> list[float]:
        self._plateaus()
        return super().rates_at(tick)

    def _write(self) -> None:
        self._plateaus()
        super()._write()

    def _saved(self) -> dict[str, Any]:
        self._plateaus()
        return super()._saved()

    def _restore(self, state: Mapping[str, Any], tick: int) -> None:
        (plateau,) = self._plateaus()
        super()._restore(state, tick)
        memory = plateau.memory
        self.best, self.reductions = memory.best, memory.reductions
        self.num_bad_epochs, self.cooldown_counter = memory.bad, memory.cooldown
        self.silent_since = memory.silent_since


def _native_class(name: str) -> type[NativeScheduler]:
    """PyTorch's class of that name combined with `NativeScheduler`."""
    pytorchs = getattr(lr_scheduler, name)
    return type(
        name,
        (NativeScheduler, pytorchs),
        {"__module__": __name__, "__doc__": f"PyTorch's ``{name}``."},
    )


LambdaLR = _native_class("LambdaLR")
ConstantLR = _native_class("ConstantLR")
LinearLR = _native_class("LinearLR")
PolynomialLR = _native_class("PolynomialLR")
ExponentialLR = _native_class("ExponentialLR")
StepLR = _native_class("StepLR")
MultiStepLR = _native_class("MultiStepLR")
CosineAnnealingWarmRestarts = _native_class("CosineAnnealingWarmRestarts")

CLASSES: dict[str, type[NativeScheduler]] = {
    scheduler.__name__: scheduler
    for scheduler in (
        LambdaLR, ConstantLR, LinearLR, PolynomialLR, ExponentialLR, StepLR, MultiStepLR,
        CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR, ReduceLROnPlateau,
    )
}  # fmt: skip
"""The classes by name. `CosineAnnealingLR` is not one of them: it rises again after its end."""
