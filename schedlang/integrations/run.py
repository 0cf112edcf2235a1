"""The numbers of a trainer's run, and the scheduler bound to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from torch.optim import Optimizer

from schedlang.errors import ScheduleError, warn
from schedlang.plan.binding import by_line
from schedlang.plan.model import Plan
from schedlang.program.program import Program
from schedlang.schedule import Schedule
from schedlang.torch import BoundScheduler
from schedlang.torch.metrics import TakesMetrics

LineOrPlan: TypeAlias = str | dict[str, Any] | Schedule | Plan


class TrainingRun(NamedTuple):
    """The numbers of a run; None for those that the trainer does not have.

    Attributes:
        trainer: its name, for messages.
        updates: the number of optimizer updates.
        steps_per_epoch: the number of updates per epoch.
        epochs: the number of epochs; used if the updates are not known.
        samples_per_step: the number of training examples per update.
    """

    trainer: str
    updates: int | None
    steps_per_epoch: int | None
    epochs: int | None = None
    samples_per_step: float | None = None

    def scheduler(
        self, schedule: LineOrPlan, optimizer: Optimizer, **options: Any
    ) -> BoundScheduler:
        """The scheduler of a line or a plan in this run.

        The total of the run is used only if the schedule needs one, so that a longer run can resume
        a schedule that does not depend on it. If the clock is not set, a tick is an update.

        Args:
            schedule: a line or a plan.
            optimizer: the optimizer.
            **options: the keywords of `Plan.to_torch`, which override those of the run.

        Raises:
            ScheduleError: with all mistakes of the schedule in this run.
            ValueError: if the optimizer does not support it.
        """
        plan = Plan.model_validate(schedule)
        given = {name: getattr(self, name) for name in ("steps_per_epoch", "samples_per_step")}
        keywords = {"engine": "fused", **given, **options}  # the fused engine takes every schedule
        written = [plan.settings.total, *(line.schedule.total for line in plan.lines)]
        if "total" not in options and not any(written):
            keywords |= self._open(plan, keywords)
        scheduler = cast("BoundScheduler", plan.to_torch(optimizer, **keywords))
        self._compare(programs(scheduler))
        for plateau in scheduler._plateaus() if isinstance(scheduler, TakesMetrics) else ():
            plateau.silence = (
                None  # the integration passes the metric, or reports that it is missing
            )
        return scheduler

    def _open(self, plan: Plan, keywords: dict[str, Any]) -> dict[str, Any]:
        """The total if the plan cannot be bound without one; a clock if none is set."""
        names = ("steps_per_epoch", "samples_per_step", "tokens_per_step", "clock")
        given = {name: keywords[name] for name in names if keywords.get(name) is not None}
        try:
            (_, program), *_ = by_line(plan, given, symbolic=True)
        except ScheduleError:  # any other mistake is raised later
            return {"total": self._total}
        return {} if program.tick else {"clock": "step"}

    @property
    def _total(self) -> str | None:
        if self.updates is not None:
            return f"{self.updates}st"
        return None if self.epochs is None else f"{self.epochs}ep"

    def _compare(self, programs: list[Program]) -> None:
        """Warn of a schedule that ends after the run, or has another total."""
        total = programs[0].total
        length = max((program.length or 0 for program in programs), default=0)
        if self.updates is None or programs[0].tick == "epoch":
            return
        if total is not None and total != self.updates:
            warn(
                f"the schedule's total is {total} updates, and {self.trainer} makes "
                f"{self.updates} optimizer updates"
            )
        elif length > self.updates:
            warn(
                f"the schedule takes {length} updates, and {self.trainer} makes "
                f"{self.updates} optimizer updates: training ends first"
            )


def programs(scheduler: BoundScheduler) -> list[Program]:
    """The programs of a scheduler's lines, which have the same clock."""
    lines = (*scheduler._assignments, *getattr(scheduler, "_values", ()))
    return [line.program for line in lines if line.bases]


def plateau_of(scheduler: BoundScheduler) -> Mapping[str, Any] | None:
    """The arguments of the final `plateau`; those of a plan have the same metric."""
    found = (program.plateau for program in programs(scheduler))
    return next((plateau for plateau in found if plateau is not None), None)
