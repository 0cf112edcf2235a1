"""Keras: the numbers of a schedule in the logs of ``fit``, which the callbacks of trackers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schedlang.integrations import needs
from schedlang.integrations.tracking import PREFIX, check_every_n, scalars
from schedlang.program.program import Program

with needs("tensorflow", __name__):
    import keras

    from schedlang.keras.callbacks import as_float, inner, synchronise
    from schedlang.keras.moving import keras_name


class ScheduleTracker(keras.callbacks.Callback):
    """Adds the numbers of `schedlang.integrations.tracking.scalars` to the logs.

    The History, the progress bar and later callbacks in the list read them there: `CSVLogger`,
    `TensorBoard`, W&B's `WandbMetricsLogger`, MLflow's. The rate and the other hyperparameters are
    the optimizer's current ones. The logs of an epoch have the numbers of its last update.

    Args:
        schedule: the program of the line, or the result of `Plan.bind`.
        every_n: the logs of a batch have the numbers at every n-th update.
    """

    def __init__(self, schedule: Program | Mapping[str, Program], every_n: int = 1) -> None:
        super().__init__()
        check_every_n(every_n)
        self.schedule = schedule
        self.every_n = every_n
        self._update = 0
        self._found: dict[str, float] = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        synchronise(self.model)
        optimizer = inner(self.model.optimizer)
        schedule = self.schedule
        first = schedule if isinstance(schedule, Program) else next(iter(schedule.values()))
        self._update = int(as_float(optimizer.iterations))
        per_tick = (first.steps_per_epoch or 1) if first.tick == "epoch" else 1
        self._found = scalars(schedule, self._update // per_tick)
        keys = ["lr"] if isinstance(schedule, Program) else schedule
        for key in keys:
            name = "learning_rate" if key == "lr" else keras_name(optimizer, key)
            if name is not None:
                self._found[PREFIX + key] = as_float(getattr(optimizer, name))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if logs is not None and (self._update + 1) % self.every_n == 0:
            logs.update(self._found)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self._found)
