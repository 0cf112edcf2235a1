"""What a trainer can tell of a run, and the scheduler that follows from it."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from torch.optim import Optimizer

from schedlang.errors import ScheduleError, warn
from schedlang.schedule import Schedule
from schedlang.torch import Bound
from schedlang.torch.metrics import TakesMetrics


class Run(NamedTuple):
    """The numbers of a run; None for what the trainer cannot tell.

    Attributes:
        trainer: its name, for messages.
        updates: how many optimizer updates there are.
        steps_per_epoch: how many of them are an epoch.
        epochs: how many epochs there are; used if the updates are not known.
        samples_per_step: the training examples of an update.
    """

    trainer: str
    updates: int | None
    steps_per_epoch: int | None
    epochs: int | None = None
    samples_per_step: float | None = None

    def scheduler(
        self, schedule: str | dict[str, Any] | Schedule, optimizer: Optimizer, **options: Any
    ) -> Bound:
        """The scheduler of a schedule in this run.

        The total of the run is given only to a line that needs one, so that a longer run can resume
        a line that does not depend on it. Where nothing says what a tick is, it is an update.

        Args:
            schedule: a line of text, its dict form, or a schedule.
            optimizer: on which it works.
            **options: the keywords of `Schedule.to_torch`, which come before those of the run.

        Raises:
            ScheduleError: with everything that is wrong with the line in this run.
            ValueError: if the optimizer cannot do it.
        """
        line = Schedule.model_validate(schedule)
        given = {name: getattr(self, name) for name in ("steps_per_epoch", "samples_per_step")}
        keywords = {"engine": "fused", **given, **options}  # the fused engine takes every schedule
        if line.total is None and "total" not in options:
            keywords |= self._open(line, keywords)
        scheduler = cast("Bound", line.to_torch(optimizer, **keywords))
        self._compare(scheduler)
        for plateau in scheduler._plateaus() if isinstance(scheduler, TakesMetrics) else ():
            plateau.silence = None  # the integration gives the metric, or reports it missing
        return scheduler

    def _open(self, line: Schedule, keywords: dict[str, Any]) -> dict[str, Any]:
        """The total, if the line cannot be bound without one; a clock, if nothing sets one."""
        names = ("steps_per_epoch", "samples_per_step", "tokens_per_step", "clock")
        try:
            tick = line._bind({name: keywords.get(name) for name in names}, symbolic=True).tick
        except ScheduleError:  # if it is another mistake, that is found again
            return {"total": self._total}
        return {} if tick else {"clock": "step"}

    @property
    def _total(self) -> str | None:
        if self.updates is not None:
            return f"{self.updates}st"
        return None if self.epochs is None else f"{self.epochs}ep"

    def _compare(self, scheduler: Bound) -> None:
        """Warn of a schedule that ends after the run, or whose total is not that of the run."""
        program = scheduler.program
        if self.updates is None or program.tick == "epoch":
            return
        if program.total is not None and program.total != self.updates:
            warn(
                f"the schedule's total is {program.total} updates, and {self.trainer} makes "
                f"{self.updates} optimizer updates"
            )
        elif program.length is not None and program.length > self.updates:
            warn(
                f"the schedule takes {program.length} updates, and {self.trainer} makes "
                f"{self.updates} optimizer updates: training ends first"
            )
