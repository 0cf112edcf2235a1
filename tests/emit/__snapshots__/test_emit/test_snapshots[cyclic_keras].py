"""The learning-rate schedule `cyclic up=2000 min=1e-4 max=0.01 mode=triangular2`, with lr=0.01."""

from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule


# A saved model finds its schedule by this number, which no other schedule has.
@keras.saving.register_keras_serializable(package="schedule_702b0796")
class LearningRate(LearningRateSchedule):
    """`cyclic up=2000 min=1e-4 max=0.01 mode=triangular2`"""

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "int32")
        # cyclic up=2000 min=1e-4 max=0.01 mode=triangular2
        in_cycle = ops.cast(step % 4000, "float32")
        cycle = ops.cast(step // 4000, "float32")
        return (
            1e-4
            + (0.01 - 1e-4) * ops.minimum(in_cycle / 2000, (4000 - in_cycle) / 2000) * 0.5**cycle
        )

    def get_config(self) -> dict[str, Any]:
        return {}


def build_schedule() -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The values are absolute, and need no base rate. The schedule
    never ends.
    """
    return LearningRate()
