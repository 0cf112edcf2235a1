"""Predicts a scheduler's numbers without stepping it: `record`, `compare`, `resume_report`."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from schedlang.torch.assignments import Assignment
from schedlang.torch.fused import Fused
from schedlang.torch.groups import Slot, slot_of
from schedlang.torch.metrics import TakesMetrics
from schedlang.torch.scheduler import BoundScheduler, OnMismatch


class Shadow(Optimizer):
    """An optimizer without parameters: only the parameter groups that a scheduler writes."""

    def __init__(self, groups: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.state = defaultdict(dict)
        self.param_groups = [{**group, "params": []} for group in groups]
        self._opt_called = True  # PyTorch checks that the optimizer has been stepped

    @classmethod
    def of(cls, optimizer: Optimizer) -> Shadow:
        """A copy of the groups of an optimizer."""
        plain = (
            {k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups
        )
        return cls(map(copy.deepcopy, plain), optimizer.defaults)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # never has a loss
        """Do nothing."""

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001  # likewise


def record(
    scheduler: LRScheduler,
    steps: int,
    *,
    group: int = 0,
    key: str = "lr",
    metrics: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """The rates that any PyTorch scheduler sets for the next updates.

    It steps a copy on a copy of the parameter groups; the scheduler and its optimizer do not
    change.

    Args:
        scheduler: any PyTorch scheduler.
        steps: the number of updates.
        group: the index of the parameter group.
        key: the hyperparameter, such as ``weight_decay``, or a value of a plan.
        metrics: a metric for each ``step``, for a scheduler that takes one.

    Returns:
        A float64 array of shape ``(steps,)``; its first value is the current rate.

    Raises:
        KeyError: if neither the group nor the scheduler has a number of this name.
    """
    return _recorded(scheduler, steps, metrics, [key])[key][:, group]


def _recorded(
    scheduler: LRScheduler, steps: int, metrics: Sequence[float] | None, keys: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """The numbers of each key, as arrays of shape ``(steps, groups)``."""
    shadow = Shadow.of(scheduler.optimizer)
    walker = copy.deepcopy(scheduler, {id(scheduler.optimizer): shadow})
    recorded = {key: np.empty((steps, len(shadow.param_groups))) for key in keys}
    with warnings.catch_warnings():  # warnings about the copy are irrelevant
        warnings.simplefilter("ignore")
        for i in range(steps):
            for key, numbers in recorded.items():
                numbers[i] = _numbers(walker, key)
            if i + 1 < steps:
                walker.step(*([metrics[i]] if metrics is not None else []))  # type: ignore[arg-type]
    return recorded


def _numbers(scheduler: LRScheduler, key: str) -> list[float] | float:
    """The number of each group, or a value of a plan."""
    groups = scheduler.optimizer.param_groups
    slots = [slot_of(key, group) for group in groups]
    if isinstance(scheduler, Fused) and None in slots:
        return float(scheduler.get_last(key))
    return [
        float(Slot(key, key).read(group) if slot is None else slot.read(group))
        for slot, group in zip(slots, groups, strict=True)
    ]


class Difference(NamedTuple):
    """The first difference between a schedule and a scheduler.

    Attributes:
        tick: the first tick at which they differ.
        group: the index of the first parameter group that differs.
        schedule: the schedule's number there.
        scheduler: the scheduler's.
        key: the hyperparameter.
    """

    tick: int
    group: int
    schedule: float
    scheduler: float
    key: str = "lr"

    def __str__(self) -> str:
        of = "" if self.key == "lr" else f", {self.key}"
        return (
            f"tick {self.tick}, group {self.group}{of}: "
            f"the schedule has {self.schedule:.9g}, the scheduler {self.scheduler:.9g}"
        )


def first_difference(
    ours: LRScheduler,
    theirs: LRScheduler,
    steps: int | None,
    metrics: Sequence[float] | None,
    tolerance: float,
) -> Difference | None:
    """The result of `schedlang.compare` for the scheduler of a schedule and another one."""
    assert isinstance(ours, Fused)
    bases = {key: [base or 0.0 for base in each] for key, each in ours.described()["bases"].items()}
    if steps is None:
        if ours.total is None:
            raise ValueError("this schedule never ends: pass steps=")
        steps = max(1, ours.total - ours.last_epoch)
    mine = _recorded(ours, steps, metrics if ours.takes_metrics else None, list(bases))
    takes_metric = isinstance(theirs, ReduceLROnPlateau) or (
        isinstance(theirs, TakesMetrics) and theirs.takes_metrics
    )
    other = _recorded(theirs, steps, metrics if takes_metric else None, list(bases))
    found: list[Difference] = []
    for key, numbers in mine.items():
        floor = 1e-4 * np.abs(bases[key])  # so that 1e-20 equals 0
        apart = np.abs(numbers - other[key]) > tolerance * np.maximum(np.abs(numbers), floor)
        if apart.any():
            i, group = (int(index) for index in np.argwhere(apart)[0])
            ours_there, theirs_there = float(numbers[i, group]), float(other[key][i, group])
            tick = ours.last_epoch + i
            found.append(Difference(tick, group, ours_there, theirs_there, key))
    return min(found, default=None, key=lambda difference: difference.tick)


def resume_report(
    old: Mapping[str, Any] | BoundScheduler,
    new: BoundScheduler,
    *,
    on_mismatch: OnMismatch = "keep-step",
    group: int = 0,
) -> str:
    """A report of the changes that loading a state into a scheduler would make.

    Args:
        old: the state, or the scheduler that would save it.
        new: the scheduler that would load it; it does not change.
        on_mismatch: as for ``load_state_dict``.
        group: the index of the parameter group.

    Returns:
        Lines of text: both schedules, their differences, the tick before and after, and the rates
        from then on.

    Raises:
        ValueError: if the state cannot be loaded this way.
        TypeError: for the scheduler of a plan.
    """
    state = old.state_dict() if isinstance(old, BoundScheduler) else old
    if not [*state["lines"]] == [*new.described()["lines"]] == ["lr"]:
        raise TypeError("resume_report is for the scheduler of a line, not of a plan")
    before = _loaded(state, state, "raise")
    after = _loaded(new.described(), state, on_mismatch)
    lines = [
        f"before  {before.program!r}",
        f"after   {after.program!r}",
        *(f"        {found}" for found in new.differences(state)),
        f"tick    {before.last_epoch} before, {after.last_epoch} after",
        f"{'updates':>9}  {'rate before':>12}  {'rate after':>12}",
    ]
    left = max((s.total or 0) - s.last_epoch for s in (before, after))
    for ahead in [0, *(10**i for i in range(9) if 10**i < left), max(left, 1)]:
        rates = [s.rates_at(s.last_epoch + ahead)[group] for s in (before, after)]
        lines.append(f"{f'+{ahead}':>9}  " + "  ".join(f"{rate:>12.6g}" for rate in rates))
    return "\n".join(lines)


def _loaded(own: Mapping[str, Any], state: Mapping[str, Any], on_mismatch: OnMismatch) -> Fused:
    """A scheduler of a line with the state loaded."""
    from schedlang.schedule import restore

    bases = own["bases"]["lr"]
    shadow = Shadow(({"lr": base, "momentum": 0.0} for base in bases), {})
    line = Assignment.of_line(restore(own["lines"]["lr"], own["binding"], bases[0]), bases)
    fused = Fused([line], (), shadow)
    fused.total = own["total"]
    fused.begin(0, "raise", None)
    fused.load_state_dict(state, on_mismatch=on_mismatch)
    return fused
