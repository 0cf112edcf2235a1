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

from schedlang.torch.fused import Fused
from schedlang.torch.state import Bound, OnMismatch, differences


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
    metrics: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """The rates that any PyTorch scheduler gives to the next updates.

    It steps a copy, on a copy of the parameter groups: neither the scheduler nor its optimizer
    notices.

    Args:
        scheduler: one of PyTorch's, of ours, or of anyone's.
        steps: how many updates.
        group: whose rates.
        metrics: one for each ``step``, for a scheduler that takes one.

    Returns:
        A float64 array of shape ``(steps,)``; its first value is the rate now.
    """
    return _recorded(scheduler, steps, metrics)[:, group]


def _recorded(
    scheduler: LRScheduler, steps: int, metrics: Sequence[float] | None
) -> NDArray[np.float64]:
    shadow = Shadow.of(scheduler.optimizer)
    walker = copy.deepcopy(scheduler, {id(scheduler.optimizer): shadow})
    rates = np.empty((steps, len(shadow.param_groups)))
    with warnings.catch_warnings():  # a copy that trains nothing needs no warning
        warnings.simplefilter("ignore")
        for i in range(steps):
            rates[i] = [float(group["lr"]) for group in shadow.param_groups]
            if i + 1 < steps:
                walker.step(*([metrics[i]] if metrics is not None else []))  # type: ignore[arg-type]
    return rates


class Difference(NamedTuple):
    """Where a schedule and a scheduler part.

    Attributes:
        tick: the first tick on which they differ.
        group: the first parameter group that does.
        schedule: the schedule's rate there.
        scheduler: the scheduler's.
    """

    tick: int
    group: int
    schedule: float
    scheduler: float

    def __str__(self) -> str:
        return (
            f"tick {self.tick}, group {self.group}: "
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
    if steps is None:
        if ours.total is None:
            raise ValueError("this schedule never ends: say how many steps")
        steps = max(1, ours.total - ours.last_epoch)
    received = metrics if ours.program.plateau is not None else None
    mine = _recorded(ours, steps, received)
    takes_metric = isinstance(theirs, ReduceLROnPlateau) or (
        isinstance(theirs, Fused) and theirs.program.plateau is not None
    )
    other = _recorded(theirs, steps, metrics if takes_metric else None)
    floor = 1e-4 * np.asarray(ours.bases)  # so that 1e-20 may stand for 0
    apart = np.abs(mine - other) > tolerance * np.maximum(np.abs(mine), floor)
    if not apart.any():
        return None
    i, group = (int(index) for index in np.argwhere(apart)[0])
    return Difference(ours.last_epoch + i, group, float(mine[i, group]), float(other[i, group]))


def resume_report(
    old: Mapping[str, Any] | Bound,
    new: Bound,
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
    """
    state = old.state_dict() if isinstance(old, Bound) else old
    before = _loaded(state, state, "raise")
    after = _loaded(vars(new), state, on_mismatch)
    lines = [
        f"before  {before.program!r}",
        f"after   {after.program!r}",
        *(f"        {found}" for found in differences(state, vars(new))),
        f"tick    {before.last_epoch} before, {after.last_epoch} after",
        f"{'updates':>9}  {'rate before':>12}  {'rate after':>12}",
    ]
    left = max((s.total or 0) - s.last_epoch for s in (before, after))
    for ahead in [0, *(10**i for i in range(9) if 10**i < left), max(left, 1)]:
        rates = [s.rates_at(s.last_epoch + ahead)[group] for s in (before, after)]
        lines.append(f"{f'+{ahead}':>9}  " + "  ".join(f"{rate:>12.6g}" for rate in rates))
    return "\n".join(lines)


def _loaded(own: Mapping[str, Any], state: Mapping[str, Any], on_mismatch: OnMismatch) -> Fused:
    """A scheduler of a schedule, which a state was loaded into."""
    from schedlang.schedule import restore

    shadow = Shadow(({"lr": base, "momentum": 0.0} for base in own["bases"]), {})
    fused = Fused(restore(own["text"], own["binding"], own["bases"][0]), shadow)
    fused.begin(0, "raise", None)
    fused.load_state_dict(state, on_mismatch=on_mismatch)
    return fused
