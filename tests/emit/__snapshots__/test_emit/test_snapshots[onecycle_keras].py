"""The learning-rate schedule `onecycle 100 momentum=[0.85, 0.95]`, with lr=0.1."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule


# A saved model finds its schedule by this number, which no other schedule has.
@keras.saving.register_keras_serializable(package="schedule_52be6230")
class LearningRate(LearningRateSchedule):
    """`onecycle 100 momentum=[0.85, 0.95]`"""

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "int32")
        # onecycle 100 momentum=[0.85, 0.95]
        progress = ops.cast(step, "float32") / 29
        rate = 0.004 + (0.1 - 0.004) * (1 - ops.cos(math.pi * progress)) / 2
        progress = ops.cast(step - 29, "float32") / 70
        rate = ops.where(
            step < 30,
            rate,
            4e-7 + (0.1 - 4e-7) * ops.cos(math.pi * progress / 2) ** 2,
        )
        # the end holds
        return ops.where(step < 100, rate, 4e-7)

    def get_config(self) -> dict[str, Any]:
        return {}


def build_schedule() -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The base rate is 0.1. The schedule is 100 steps long, then the
    last rate holds.
    """
    return LearningRate()


def _momentum(step: Any, base: float) -> Any:
    """The momentum that the update after `step` updates uses."""
    step = ops.cast(step, "int32")
    # onecycle 100 momentum=[0.85, 0.95]
    progress = ops.cast(step, "float32") / 29
    momentum = 0.85 + (0.95 - 0.85) * (1 + ops.cos(math.pi * progress)) / 2
    progress = ops.cast(step - 29, "float32") / 70
    momentum = ops.where(
        step < 30,
        momentum,
        0.85 + (0.95 - 0.85) * (1 - ops.cos(math.pi * progress)) / 2,
    )
    # the end holds
    return ops.where(step < 100, momentum, 0.95)


NUMBERS: dict[str, Callable[[Any, float], Any]] = {"momentum": _momentum}
NOT_ZERO: list[str] = ["momentum", "beta_1"]
BASES: dict[str, float] = {}


class MovingNumber(keras.Variable):
    """A number of an optimizer, which each of its updates computes anew.

    It replaces the float of Keras, which would be a constant in a compiled step.
    """

    def __init__(
        self, optimizer: keras.Optimizer, start: float, number: Callable[[Any, float], Any]
    ) -> None:
        self.optimizer = optimizer
        self.start = start
        self.number = number
        super().__init__(start, dtype="float32", trainable=False)

    @property
    def value(self) -> Any:
        return self.number(self.optimizer.iterations, self.start)

    def __ne__(self, other: object) -> bool:  # Keras tests `!= 0` while it compiles a step
        return True

    __gt__ = __ne__


class Numbers(keras.callbacks.Callback):
    """Moves numbers of the optimizer with its updates."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if (optimizer.gradient_accumulation_steps or 1) != 1:
            raise ValueError("the schedule is for gradient_accumulation_steps=1: emit it anew")
        moving: dict[str, MovingNumber] = {}
        for key, number in NUMBERS.items():
            is_beta = key == "momentum" and not hasattr(optimizer, key)
            name = "beta_1" if is_beta else key
            start = getattr(optimizer, name, None)
            if isinstance(start, MovingNumber):
                return
            if start is None or (start == 0 and key in NOT_ZERO):
                has = f"the optimizer has {name}={start}"
                raise ValueError(f"the schedule moves {name}: {has}")
            if abs(start - BASES.get(key, start)) > 1e-6 * abs(start):
                raise ValueError(f"the schedule is for {key}={BASES[key]}: it is {start}")
            moving[name] = MovingNumber(optimizer, start, number)
        # Past `__setattr__`, which would have them saved as variables; the config keeps the floats.
        vars(optimizer).update(moving)
        starts = {name: number.start for name, number in moving.items()}
        optimizer.get_config = lambda: {**type(optimizer).get_config(optimizer), **starts}
        self.model.make_train_function(force=True)  # an older one has the floats


def build_callbacks() -> list[keras.callbacks.Callback]:
    """What `fit` needs besides the schedule.

    Compile the model with the schedule as its learning rate.
    """
    return [Numbers()]
