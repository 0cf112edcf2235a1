"""The learning-rate schedule `clock=epoch | warmup linear 5ep -> cosine 85ep`, with
steps_per_epoch=100.
"""

import math
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule


# A saved model finds its schedule by this number, which no other schedule has.
@keras.saving.register_keras_serializable(package="schedule_06ddfe65")
class LearningRate(LearningRateSchedule):
    """`clock=epoch | warmup linear 5ep -> cosine 85ep`"""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def __call__(self, step: Any) -> Any:
        epoch = ops.cast(step, "int32") // 100
        # warmup linear 5ep
        progress = ops.cast(epoch, "float32") / 5
        rate = self.lr * (0.001 + (1 - 0.001) * progress)
        # cosine 85ep
        progress = ops.cast(epoch - 5, "float32") / 85
        rate = ops.where(epoch < 5, rate, self.lr * ops.cos(math.pi * progress / 2) ** 2)
        # the end holds
        return ops.where(epoch < 90, rate, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {"lr": self.lr}


def build_schedule(lr: float) -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. A rate holds for an epoch of 100 steps. The base rate is the
    parameter `lr`. The schedule is 90 epochs long, then the last rate holds.
    """
    return LearningRate(lr)
