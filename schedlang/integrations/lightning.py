"""Lightning: the schedule of a `LightningModule`, bound to the run of its `Trainer`."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Literal

from schedlang.errors import warn
from schedlang.integrations import needs
from schedlang.integrations.tracking import check_every_n, config, scalars

with needs("trainers", __name__):
    import lightning.pytorch as pl
    import torch
    from lightning.pytorch.callbacks import LearningRateFinder
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
    from torch.optim import Optimizer

    from schedlang.integrations.run import LineOrPlan, TrainingRun, plateau_of, programs
    from schedlang.torch import BoundScheduler

with suppress(ImportError):  # jsonargparse is not installed, or is older than 4.46
    import schedlang.integrations.jsonargparse  # noqa: F401  # LightningCLI then reads our types


def configure(
    module: pl.LightningModule,
    optimizer: Optimizer,
    schedule: LineOrPlan,
    *,
    on_mismatch: Literal["raise", "keep-step", "keep-fraction"] = "raise",
    **binding: Any,
) -> OptimizerLRSchedulerConfig:
    """The optimizer and its scheduler, to be returned by ``configure_optimizers``.

    The total and the updates of an epoch are the trainer's, including gradient accumulation and the
    number of devices. A final `plateau` takes its metric from those that the module logs.

    Args:
        module: the module, which calls this in its ``configure_optimizers``.
        optimizer: its optimizer.
        schedule: a line or a plan, as text, its dict form, or an object.
        on_mismatch: what a resumed run keeps of a state of another schedule, see
            `schedlang.Schedule.to_torch`.
        **binding: settings that the trainer does not have, such as ``tokens_per_step``, and the
            other keywords of `schedlang.Plan.to_torch`.

    Raises:
        ScheduleError: with all mistakes of the schedule in this run.
        ValueError: if a `plateau` has ticks of epochs, which Lightning ends before the validation.
    """
    trainer = module.trainer
    run = _run(trainer)
    scheduler = run.scheduler(schedule, optimizer, on_mismatch=on_mismatch, **binding)
    plateau = plateau_of(scheduler)
    interval = "epoch" if programs(scheduler)[0].tick == "epoch" else "step"
    if plateau is not None and interval == "epoch":
        raise ValueError(
            f"Lightning ends an epoch before its validation, so that `{plateau['text']}` cannot "
            "tick epochs: leave clock=epoch out, or give steps_per_epoch= if the length of the "
            "training data is not known"
        )
    helpers = [each for each in trainer.callbacks if not isinstance(each, _Helper)]
    helper = _Helper(scheduler, None if plateau is None else plateau["monitor"])
    trainer.callbacks = [helper, *helpers]  # first, so that checkpoints have the effect of a metric
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}


def _run(trainer: pl.Trainer) -> TrainingRun:
    updates = trainer.estimated_stepping_batches  # loads the data if necessary
    batches = trainer.num_training_batches
    epochs = trainer.max_epochs
    per_epoch = None
    if batches and math.isfinite(batches):
        per_epoch = math.ceil(batches / trainer.accumulate_grad_batches)
    return TrainingRun(
        "the trainer",
        updates=int(updates) if math.isfinite(updates) and updates > 0 else None,
        steps_per_epoch=per_epoch,
        epochs=epochs if epochs is not None and epochs > 0 else None,
    )


class _Helper(pl.Callback):
    """Passes the metric to a plateau, and the result of a `LearningRateFinder` to the schedule."""

    def __init__(self, scheduler: BoundScheduler, monitor: str | None) -> None:
        self.scheduler: Any = scheduler
        self.monitor = monitor
        self.has_validated = False
        self.is_of_validation = False
        self.has_warned = False
        self._before: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for callback in trainer.callbacks:
            if isinstance(callback, LearningRateFinder) and callback._update_attr:
                found = callback.optimal_lr.suggestion() if callback.optimal_lr else None
                if found is not None:
                    scheduler = self.scheduler
                    scheduler.base_lrs = [found] * len(scheduler.base_lrs)
                    scheduler._take_up()
                    scheduler.jump(scheduler.last_epoch)  # from this update on

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before = trainer.callback_metrics.get(self.monitor or "")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        self.has_validated = True
        metric = trainer.callback_metrics.get(self.monitor or "")
        if metric is not None and metric is not self._before:
            self.is_of_validation = True
            self._observe(trainer, metric)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metric = trainer.callback_metrics.get(self.monitor or "")
        if metric is not None and not self.is_of_validation:
            self._observe(trainer, metric)
        expected = self.has_validated or not trainer.enable_validation
        if self.monitor and metric is None and expected and not self.has_warned:
            self.has_warned = True
            logged = ", ".join(sorted(trainer.callback_metrics)) or "none"
            warn(
                f"the plateau monitors `{self.monitor}`, and the module logs no such metric "
                f"(logged: {logged}): set monitor= in the line, or self.log({self.monitor!r}, …)"
            )

    def _observe(self, trainer: pl.Trainer, metric: torch.Tensor) -> None:
        """Pass the metric, averaged over all devices, to the plateau."""
        self.scheduler.observe(trainer.strategy.reduce(metric, reduce_op="mean"))


class ScheduleTracker(pl.Callback):
    """Logs the schedule to the trainer's loggers.

    At updates it logs `schedlang.integrations.tracking.scalars`, and at the start of training the
    `config` with the hyperparameters. With several schedulers, the names of the second begin with
    ``schedule1/``.

    Args:
        every_n: log at every n-th update; by default when the trainer logs (its
            ``log_every_n_steps``).

    Raises:
        ValueError: at the start of training, if no scheduler was made by schedlang.
    """

    def __init__(self, every_n: int | None = None) -> None:
        check_every_n(every_n)
        self.every_n = every_n

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        found = _schedulers(trainer)
        if not found:
            raise ValueError("the module has no scheduler of schedlang, whose numbers to log")
        for i, scheduler in found:
            for logger in trainer.loggers:
                logger.log_hyperparams(_numbered(i, config(scheduler)))

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        if (step + 1) % (self.every_n or trainer.log_every_n_steps) != 0:
            return
        for i, scheduler in _schedulers(trainer):
            if scheduler.optimizer is optimizer:
                for logger in trainer.loggers:
                    logger.log_metrics(_numbered(i, scalars(scheduler)), step=step)


def _schedulers(trainer: pl.Trainer) -> list[tuple[int, BoundScheduler]]:
    """The schedulers made by schedlang, each with its number."""
    each = [found.scheduler for found in trainer.lr_scheduler_configs]
    return list(enumerate(found for found in each if isinstance(found, BoundScheduler)))


def _numbered(number: int, found: dict[str, Any]) -> dict[str, Any]:
    """The numbers with names for the scheduler of this number."""
    if not number:
        return found
    return {name.replace("schedule", f"schedule{number}", 1): x for name, x in found.items()}
