"""What takes a line or a plan: `to_torch` and `compare`."""

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
    """`Plan.to_torch` with the optimizer first, as config systems call it (``_partial_``).

    It takes a line or a plan, each as text, as a mapping, or as a `Schedule` or `Plan`.
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
    """The first tick on which a line or a plan, and any PyTorch scheduler, differ, or None.

    The scheduler is compared from its present tick on, for each hyperparameter of the plan and each
    parameter group, and neither it nor its optimizer is disturbed.

    Args:
        schedule: a line or a plan.
        scheduler: any, such as one of PyTorch's own.
        steps: how many updates; by default as many as the schedule has ticks.
        metrics: one for each step, for a plateau.
        tolerance: how far apart two numbers may be, relative to the schedule's (or to 1e-4 of the
            base, where that is more).
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
