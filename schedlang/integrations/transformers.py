"""transformers: a `Trainer` whose schedule is a line or a plan."""

from __future__ import annotations

from typing import Any, Literal

from schedlang.errors import warn
from schedlang.integrations import needs
from schedlang.integrations.tracking import check_every_n, config, scalars
from schedlang.plan.model import Plan

with needs("trainers", __name__):
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
    from transformers import Trainer, TrainerCallback
    from transformers.integrations import MLflowCallback, TensorBoardCallback, WandbCallback
    from transformers.trainer_utils import has_length

    from schedlang.integrations.run import LineOrPlan, TrainingRun, plateau_of, programs
    from schedlang.torch import BoundScheduler


class ScheduledTrainer(Trainer):
    """transformers' `Trainer` with an additional argument, ``schedule``.

    For another trainer: ``class MyTrainer(ScheduledTrainer, SFTTrainer): pass``. The total, the
    updates per epoch and the training examples per update are the trainer's. A final `plateau` gets
    its metric at each evaluation.

    Args:
        *arguments: those of the `Trainer`.
        schedule: a line or a plan, as text, its dict form, or an object.
        on_mismatch: what a resumed run keeps of a state of another schedule, see
            `schedlang.Schedule.to_torch`.
        binding: settings that the trainer does not have, such as ``tokens_per_step``, and the other
            keywords of `schedlang.Plan.to_torch`.
        **keywords: those of the `Trainer`.

    Raises:
        ScheduleError: with everything that is wrong with the schedule.
    """

    def __init__(
        self,
        *arguments: Any,
        schedule: LineOrPlan,
        on_mismatch: Literal["raise", "keep-step", "keep-fraction"] = "raise",
        binding: dict[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        self._schedule = Plan.model_validate(schedule)
        self._steps_per_epoch: int | None = None
        self._samples_per_step: int | None = None
        self._options = {"on_mismatch": on_mismatch, **(binding or {})}
        super().__init__(*arguments, **keywords)
        self.add_callback(ScheduleCallback(compares=False))

    def set_initial_training_values(self, args: Any, dataloader: Any, *others: Any) -> Any:
        """The numbers of the run; the updates per epoch are kept for the scheduler."""
        values = super().set_initial_training_values(args, dataloader, *others)
        self._steps_per_epoch = values[1] if has_length(dataloader) else None
        self._samples_per_step = others[0] if others else None  # passed by older releases
        return values

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LRScheduler:
        """The scheduler for a number of updates."""
        self.lr_scheduler: LRScheduler
        if self.lr_scheduler is None:
            run = TrainingRun(
                "the Trainer",
                num_training_steps,
                self._steps_per_epoch,
                samples_per_step=self._samples_per_step
                or self.get_total_train_batch_size(self.args),
            )
            scheduler = run.scheduler(self._schedule, optimizer or self.optimizer, **self._options)
            if programs(scheduler)[0].tick == "epoch":
                raise ValueError(
                    "the Trainer steps a scheduler at each update, and a tick of this schedule is "
                    'an epoch: leave clock=epoch out, or give binding={"steps_per_epoch": …} if '
                    "the length of the training data is not known"
                )
            self.lr_scheduler = scheduler
            self.callback_handler.lr_scheduler = (
                scheduler  # otherwise 4.49 passes none to callbacks
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler


class ScheduleCallback(TrainerCallback):
    """A callback for a scheduler passed to a `Trainer` as ``optimizers=(optimizer, scheduler)``.

    It compares the schedule's total with the number of updates at the start of training, and passes
    the metric to a final `plateau` at each evaluation. `ScheduledTrainer` includes it.
    """

    def __init__(self, *, compares: bool = True) -> None:
        self.compares = compares
        self.is_training = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self.is_training = True
        scheduler = others["lr_scheduler"]
        if not isinstance(scheduler, BoundScheduler):
            return
        program, updates = programs(scheduler)[0], state.max_steps
        total, plateau = program.total, plateau_of(scheduler)
        counts_updates = total is not None and program.tick != "epoch"
        if self.compares and counts_updates and total != updates:
            accumulated = args.gradient_accumulation_steps
            warn(
                f"the schedule's total is {total} updates, and the Trainer makes {updates} (one "
                f"for each {accumulated} batches, its gradient_accumulation_steps): set "
                f"total={updates}, or use schedlang.integrations.transformers.ScheduledTrainer(…, "
                "schedule=line), which takes the total from the Trainer"
            )
        if plateau is not None and args.eval_strategy == "no":
            warn(
                f"`{plateau['text']}` gets no metric, since the Trainer does not "
                "evaluate: set eval_strategy in the TrainingArguments"
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        scheduler: Any = others["lr_scheduler"]
        metrics = others["metrics"]
        is_ours = isinstance(others["lr_scheduler"], BoundScheduler)
        plateau = plateau_of(scheduler) if is_ours and self.is_training else None
        if plateau is None:
            return
        monitor = plateau["monitor"]
        for name in (monitor, f"eval_{monitor}", f"eval_{monitor.removeprefix('val_')}"):
            if name in metrics:
                scheduler.observe(metrics[name])
                return
        raise ValueError(
            f"`{plateau['text']}` monitors `{monitor}`, which is not among the metrics of the "
            f"evaluation: {', '.join(sorted(metrics))}"
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self.is_training = False


class ScheduleTracker(TrainerCallback):
    """Logs the schedule when the `Trainer` logs.

    Add it with ``trainer.add_callback(ScheduleTracker(trainer))``. At updates it logs
    `schedlang.integrations.tracking.scalars`. At the start of training, TensorBoard, W&B and MLflow
    get the `config` with that of the run.

    Args:
        trainer: any `Trainer` whose scheduler was made by schedlang.
        every_n: log at every n-th update; by default when the Trainer logs (its
            ``logging_steps``).

    Raises:
        TypeError: at the start of training, if the scheduler was not made by schedlang.
    """

    def __init__(self, trainer: Trainer, every_n: int | None = None) -> None:
        self.trainer = trainer
        check_every_n(every_n)
        self.every_n = every_n
        self._found: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        found = config(self.trainer.lr_scheduler)  # 4.49 passes no scheduler that the Trainer made
        reporters = self.trainer.callback_handler.callbacks if state.is_world_process_zero else ()
        for reporter in reporters:
            match reporter:
                case TensorBoardCallback() if reporter.tb_writer is not None:
                    for name, value in found.items():
                        reporter.tb_writer.add_text(name, str(value))
                case WandbCallback() if reporter._wandb is not None:
                    reporter._wandb.config.update(found, allow_val_change=True)
                case MLflowCallback() if reporter._initialized:
                    reporter._ml_flow.log_params(found)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._found = scalars(self.trainer.lr_scheduler)

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        is_logging = control.should_log
        if state.global_step % self.every_n == 0 if self.every_n else is_logging:
            self.trainer.log(self._found)
            control.should_log = is_logging  # `log` has set it to False
