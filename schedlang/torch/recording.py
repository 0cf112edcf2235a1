"""What a scheduler is going to do, seen without doing it: `record`, `compare`, `resume_report`."""

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
    """Parameter groups without parameters: all of an optimizer that a scheduler writes into."""

    def __init__(self, groups: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.state = defaultdict(dict)
        self.param_groups = [{**group, "params": []} for group in groups]
        self._opt_called = True  # so that PyTorch does not miss the optimizer's steps

    @classmethod
    def of(cls, optimizer: Optimizer) -> Shadow:
        """The groups of an optimizer, copied."""
        plain = (
            {k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups
        )
        return cls(map(copy.deepcopy, plain), optimizer.defaults)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # never has a loss
        """Nothing to optimize."""

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001  # likewise


def record(
    scheduler: LRScheduler,
    steps: int,
    *,
    group: int = 0,
    key: str = "lr",
    metrics: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """The rates that any PyTorch scheduler gives to the next updates.

    It steps a copy, on a copy of the parameter groups: neither the scheduler nor its optimizer
    notices.

    Args:
        scheduler: one of PyTorch's, of ours, or of anyone's.
        steps: how many updates.
        group: whose rates.
        key: another hyperparameter, such as ``weight_decay``, or a value of a plan.
        metrics: one for each ``step``, for a scheduler that takes one.

    Returns:
        A float64 array of shape ``(steps,)``; its first value is the rate now.

    Raises:
        KeyError: if the group has no such number, and the scheduler no such value.
    """
    return _recorded(scheduler, steps, metrics, [key])[key][:, group]


def _recorded(
    scheduler: LRScheduler, steps: int, metrics: Sequence[float] | None, keys: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """The numbers of each key: an array of shape ``(steps, groups)``."""
    shadow = Shadow.of(scheduler.optimizer)
    walker = copy.deepcopy(scheduler, {id(scheduler.optimizer): shadow})
    recorded = {key: np.empty((steps, len(shadow.param_groups))) for key in keys}
    with warnings.catch_warnings():  # a copy that trains nothing needs no warning
        warnings.simplefilter("ignore")
        for i in range(steps):
            for key, numbers in recorded.items():
                numbers[i] = _numbers(walker, key)
            if i + 1 < steps:
                walker.step(*([metrics[i]] if metrics is not None else []))  # type: ignore[arg-type]
    return recorded


def _numbers(scheduler: LRScheduler, key: str) -> list[float] | float:
    """A number of each group, or a value of a plan."""
    groups = scheduler.optimizer.param_groups
    slots = [slot_of(key, group) for group in groups]
    if isinstance(scheduler, Fused) and None in slots:
        return float(scheduler.get_last(key))
    return [
        float(Slot(key, key).read(group) if slot is None else slot.read(group))
        for slot, group in zip(slots, groups, strict=True)
    ]


class Difference(NamedTuple):
    """Where a schedule and a scheduler part.

    Attributes:
        tick: the first tick on which they differ.
        group: the first parameter group that does.
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
    """The result of `schedlang.compare` for a schedule's scheduler and another one."""
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
        floor = 1e-4 * np.abs(bases[key])  # so that 1e-20 may stand for 0
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
    """What loading a state into a scheduler would change: a table to look at before it is done.

    Args:
        old: the state, or the scheduler that would save it.
        new: the scheduler that would load it; it is left alone.
        on_mismatch: as for ``load_state_dict``.
        group: whose rates.

    Returns:
        Lines of text: the two schedules, what differs, the tick before and after, and the rates
        from there on.

    Raises:
        ValueError: if the state cannot be loaded so.
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
    """A scheduler of a line, which a state was loaded into."""
    from schedlang.schedule import restore

    bases = own["bases"]["lr"]
    shadow = Shadow(({"lr": base, "momentum": 0.0} for base in bases), {})
    line = Assignment.of_line(restore(own["lines"]["lr"], own["binding"], bases[0]), bases)
    fused = Fused([line], (), shadow)
    fused.total = own["total"]
    fused.begin(0, "raise", None)
    fused.load_state_dict(state, on_mismatch=on_mismatch)
    return fused
