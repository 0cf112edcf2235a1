"""The Keras schedule: one `LearningRateSchedule` of ``keras.ops``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from schedlang.errors import ScheduleWarning
from schedlang.program import Program
from schedlang.tables import Rates, refuse_epochs, refuse_plateau


@keras.saving.register_keras_serializable(package="schedlang")
class ScheduledRate(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of a schedule, for ``optimizer=keras.optimizers.Adam(rate)``.

    Attributes:
        program: the bound schedule; ``program.at(step)`` is the exact value.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self._rates = Rates(program, ops)

    def __call__(self, step: Any) -> Any:
        """The rate at each step: float32, of the step's shape.

        Args:
            step: updates made so far, at least 0: a number or a tensor of any shape, int or float.
        """
        step, dtype = _countable(step)
        return self._rates(step, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"schedule": self.program.text, "binding": dict(self.program.binding)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScheduledRate:
        from schedlang.schedule import restore

        return cls(restore(config["schedule"], config["binding"]))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self).from_config, (self.get_config(),)

    def __repr__(self) -> str:
        return f"<ScheduledRate {self.program!r}>"


def _countable(step: Any) -> tuple[Any, str]:
    """The step in a type in which it can be counted, and that type."""
    if isinstance(step, int | float):
        step = np.asarray(step)
    step = ops.convert_to_tensor(step)
    dtype = keras.backend.standardize_dtype(step.dtype)
    if dtype in {"int32", "int64", "float32", "float64"}:
        return step, dtype
    if "float" in dtype:
        return ops.cast(step, "float32"), "float32"
    wide = dtype in {"uint32", "uint64"} and keras.backend.backend() != "jax"
    counted = "int64" if wide else "int32"  # JAX has 64 bits only where they are switched on
    return ops.cast(step, counted), counted


def build(program: Program) -> ScheduledRate:
    """The schedule's rates as a Keras schedule.

    Where the line moves the momentum too, a `ScheduleWarning` says that this does not.

    Raises:
        ValueError: if it has what a function of the step cannot do, with what to use instead.
    """
    refuse_plateau(program, "a Keras schedule", "keras_callbacks(...), which sets the rate")
    refuse_epochs(program, "Keras")
    if program.momentum is not None:
        message = "a Keras schedule moves the rate alone: for `momentum=` use keras_callbacks(...)"
        warnings.warn(ScheduleWarning(message), stacklevel=3)
    return ScheduledRate(program)
