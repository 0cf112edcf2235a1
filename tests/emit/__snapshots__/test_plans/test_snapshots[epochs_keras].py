"""The plan of `lr`, `eps`, with steps_per_epoch=3."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule


def build_schedule(lr: float) -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The base rate is the parameter `lr`. The schedule is 27 steps
    long, then the last rate holds.
    """
    # cosine 9ep
    return CosineDecay(initial_learning_rate=lr, decay_steps=27)


def _eps(step: Any, base: float) -> Any:
    """`eps`: `linear 30ep to=2x`."""
    step = ops.cast(step, "int32")
    # linear 30ep to=2x
    progress = ops.cast(step, "float32") / 90
    number = base * (1 + (2 - 1) * progress)
    # the end holds
    return ops.where(step < 90, number, 2 * base)


NUMBERS: dict[str, Callable[[Any, float], Any]] = {"epsilon": _eps}
NOT_ZERO: list[str] = ["epsilon"]
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

    Compile the model with the schedule as its learning rate. The bases are the optimizer's own
    numbers.
    """
    return [Numbers()]
