"""The plan of `lr`, `weight_decay`, `beta1`."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule


def build_schedule(lr: float) -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The base rate is the parameter `lr`. The schedule is 50 steps
    long, then the last rate holds.
    """
    # warmup linear 5 -> cosine 45
    return CosineDecay(
        initial_learning_rate=0.001 * lr,
        decay_steps=45,
        warmup_target=lr,
        warmup_steps=5,
    )


def _weight_decay(step: Any, base: float) -> Any:
    """`weight_decay`: `linear 50 to=10x`."""
    step = ops.cast(step, "int32")
    # linear 50 to=10x
    progress = ops.cast(step, "float32") / 50
    number = 0.04 + (0.4 - 0.04) * progress
    # the end holds
    return ops.where(step < 50, number, 0.4)


def _beta1(step: Any, base: float) -> Any:
    """`beta1`: `(linear 20 to=95%) * (exp gamma=0.999)`."""
    step = ops.cast(step, "int32")
    # linear 20 to=95%
    progress = ops.cast(step, "float32") / 20
    number = base * (1 + (0.95 - 1) * progress)
    # the end holds
    number = ops.where(step < 20, number, 0.95 * base)
    # exp gamma=0.999
    factor = 0.999 ** ops.cast(step, "float32")
    return number * factor


NUMBERS: dict[str, Callable[[Any, float], Any]] = {"weight_decay": _weight_decay, "beta_1": _beta1}
NOT_ZERO: list[str] = ["beta_1"]
BASES: dict[str, float] = {"weight_decay": 0.04}


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
