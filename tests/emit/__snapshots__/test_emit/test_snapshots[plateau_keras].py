"""The learning-rate schedule `warmup linear 5 -> plateau factor=0.5 patience=3`, with lr=0.1."""

import math
import warnings
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule, PolynomialDecay


def build_schedule() -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The base rate is 0.1. The schedule never ends.
    """
    # warmup linear 5
    return PolynomialDecay(initial_learning_rate=1e-4, decay_steps=5, end_learning_rate=0.1)


def after_metric(
    metric: float,
    best: float,
    bad: int,
    cooldown: int,
    *,
    improves: bool,
    patience: int,
    pause: int,
) -> tuple[float, int, int, bool]:
    """The memory (best, bad, cooldown) after a metric, and whether that reduces the rate.

    `bad` counts metrics without an improvement, one more than `patience` of which reduce the rate;
    `cooldown` those still to come that do not count, `pause` after a reduction.
    """
    if improves:
        best = metric
    bad = 0 if improves or cooldown > 0 else bad + 1
    if bad > patience:
        return best, 0, pause, True
    return best, bad, max(cooldown - 1, 0), False


def reduced_rate(rate: float, factor: float, floor: float, eps: float) -> float:
    """The rate after a reduction to at least the floor; one by ``eps`` or less is left out."""
    reduced = max(rate * factor, floor)
    return rate if rate - reduced <= eps else reduced


# plateau factor=0.5 patience=3
class Plateau(keras.callbacks.Callback):
    """Sets the rate: the schedule's at first, then lower whenever the metric stops improving.

    Its memory is saved with the optimizer, so that it survives `BackupAndRestore`, which must
    come after it in the list of callbacks.
    """

    begin = 5  # updates before the plateau
    monitor = "val_loss"

    def __init__(self) -> None:
        super().__init__()
        self.schedule = build_schedule()
        self.layer = keras.layers.Layer(name="plateau")
        self.memory = self.layer.add_weight((3,), dtype="float32", trainable=False)
        self.memory.assign([math.inf, 0, 0])  # best, bad, cooldown
        self.missing = self.received = 0

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        if self.begin > 0 and model.steps_per_execution > 1:
            raise ValueError("the rate is set before each update: use steps_per_execution=1")
        model.optimizer.plateau = self.layer  # to be saved with it

    def updates(self) -> int:
        """How many updates the optimizer has made."""
        if keras.config.backend() == "jax":  # whose variables lag behind inside `fit`
            self.model.jax_state_sync()
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        return int(optimizer.iterations + 0)  # a sum, as `tf.distribute` needs it

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        updates = self.updates()
        if updates <= self.begin:
            self.model.optimizer.learning_rate = float(self.schedule(updates))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.updates() <= self.begin:
            return
        metric = (logs or {}).get(self.monitor)
        if metric is None:
            self.missing += 1
            return
        self.received += 1
        best, bad, cooldown = ops.convert_to_numpy(self.memory)
        *memory, reduces = after_metric(
            metric,
            best,
            bad,
            cooldown,
            improves=metric < best * (1 - 1e-4),
            patience=3,
            pause=0,
        )
        self.memory.assign(memory)
        if reduces:
            rate = float(self.model.optimizer.learning_rate + 0)
            rate = reduced_rate(rate, factor=0.5, floor=0.0, eps=1e-8)
            self.model.optimizer.learning_rate = rate

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        del self.model.optimizer.plateau
        if self.missing and not self.received:
            message = f"no epoch had the metric `{self.monitor}`: the plateau did nothing"
            warnings.warn(message, stacklevel=2)


def build_callbacks() -> list[keras.callbacks.Callback]:
    """What `fit` needs besides the schedule.

    Compile the model with a number as its learning rate, which the callback sets.
    """
    return [Plateau()]
