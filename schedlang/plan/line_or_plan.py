"""Functions that take a line or a plan: `to_torch` and `compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import Unpack

from schedlang.plan.model import Plan
from schedlang.schedule import Binding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from schedlang.schedule import Schedule
    from schedlang.torch import Difference


def to_torch(
    optimizer: Optimizer,
    schedule: str | Mapping[Any, Any] | Schedule | Plan,
    *,
    engine: Literal["auto", "chain", "fused"] = "auto",
    start: int = 0,
    on_mismatch: Literal["raise", "keep-step", "keep-fraction"] = "raise",
    later: Sequence[str] = (),
    lr: float | None = None,
    **binding: Unpack[Binding],
) -> LRScheduler:
    """`Plan.to_torch` with the optimizer as the first argument, for config systems (``_partial_``).

    It takes a line or a plan as text, as a mapping, or as a `Schedule` or `Plan`.
    """
    options: dict[str, Any] = {"engine": engine, "start": start, "on_mismatch": on_mismatch}
    return Plan.model_validate(schedule).to_torch(
        optimizer, later=later, lr=lr, **options, **binding
    )


def compare(
    schedule: str | Mapping[Any, Any] | Schedule | Plan,
    scheduler: LRScheduler,
    steps: int | None = None,
    *,
    metrics: Sequence[float] | None = None,
    tolerance: float = 1e-9,
    lr: float | None = None,
    **binding: Unpack[Binding],
) -> Difference | None:
    """The first tick at which a line or plan and a PyTorch scheduler differ, or None.

    The comparison starts at the scheduler's current tick, for each hyperparameter of the plan and
    each parameter group. The scheduler and its optimizer do not change.

    Args:
        schedule: a line or a plan.
        scheduler: any PyTorch scheduler.
        steps: the number of updates; by default the length of the schedule.
        metrics: a metric for each step, for a plateau.
        tolerance: the maximum difference, relative to the schedule's number, or to 1e-4 of the base
            if that is greater.
        lr: the base rate of every group, for a scheduler that has overwritten ``initial_lr``
            (``OneCycleLR`` and ``CyclicLR`` do).
        **binding: what the line leaves open, see `Binding`.

    Raises:
        ScheduleError: with everything that is wrong under this binding.
        ValueError: if the schedule never ends and ``steps`` is not given.
    """
    from schedlang.torch.recording import Shadow, first_difference

    shadow = Shadow.of(scheduler.optimizer)
    if lr is not None:
        for group in shadow.param_groups:
            group["initial_lr"] = lr
    start = max(0, scheduler.last_epoch)
    whole = Plan.model_validate(schedule)
    ours = whole.to_torch(shadow, engine="fused", start=start, **binding)
    return first_difference(ours, scheduler, steps, metrics, tolerance)
