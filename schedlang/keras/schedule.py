"""The Keras schedule: one `LearningRateSchedule` of ``keras.ops``."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from schedlang.arrays.tables import ArrayRates, refuse_epochs, refuse_plateau, steps_per_update
from schedlang.errors import warn
from schedlang.program.program import Program


def _begun(begins: Any, steps: Any, side: str) -> Any:  # noqa: ARG001  # it is always the right
    """`searchsorted` by counting: that of Keras 3.5 to 3.9 does not compile with TensorFlow."""
    return ops.sum(ops.greater_equal(ops.expand_dims(steps, -1), begins), axis=-1)


_ARRAYS: Any = ops
if keras.backend.backend() == "tensorflow":
    _ARRAYS = SimpleNamespace(**{**vars(ops), "searchsorted": _begun})


@keras.saving.register_keras_serializable(package="schedlang")
class ScheduledRate(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of a schedule, for ``optimizer=keras.optimizers.Adam(rate)``.

    Attributes:
        program: the bound schedule; ``program.at(update)`` is the exact value.
        gradient_accumulation_steps: the number of batches per update, as in the optimizer.

    Raises:
        ValueError: if ``gradient_accumulation_steps`` is less than 1, or not whole.
    """

    def __init__(self, program: Program, gradient_accumulation_steps: int = 1) -> None:
        super().__init__()
        self.program = program
        self.gradient_accumulation_steps = steps_per_update(gradient_accumulation_steps)
        self._rates = ArrayRates(program, _ARRAYS)

    def __call__(self, step: Any) -> Any:
        """The rate at each step: float32, of the step's shape.

        Args:
            step: the batches so far, at least 0: a number or a tensor of any shape, int or float.
                Without gradient accumulation, a batch is an update.
        """
        step, dtype = _countable(step)
        batches = self.gradient_accumulation_steps
        if batches > 1:
            whole = step - step % batches  # PyTorch has no gradient for `//`
            step = whole / batches if dtype.startswith("float") else whole // batches
        return self._rates(step, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": self.program.text,
            "binding": dict(self.program.binding),
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScheduledRate:
        from schedlang.schedule import restore

        program = restore(config["schedule"], config["binding"])
        return cls(program, config.get("gradient_accumulation_steps", 1))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self).from_config, (self.get_config(),)

    def __repr__(self) -> str:
        return f"<ScheduledRate {self.program!r}>"


def _countable(step: Any) -> tuple[Any, str]:
    """The step in a type for counting, and the name of that type."""
    if isinstance(step, int | float):
        step = np.asarray(step)
    step = ops.convert_to_tensor(step)
    dtype = keras.backend.standardize_dtype(step.dtype)
    if dtype in {"int32", "int64", "float32", "float64"}:
        return step, dtype
    if "float" in dtype:
        return ops.cast(step, "float32"), "float32"
    wide = dtype in {"uint32", "uint64"} and keras.backend.backend() != "jax"
    counted = "int64" if wide else "int32"  # JAX has 64-bit types only if they are enabled
    return ops.cast(step, counted), counted


def build(program: Program, gradient_accumulation_steps: int = 1) -> ScheduledRate:
    """The schedule's rates as a Keras schedule.

    If the line has ``momentum=``, a `ScheduleWarning` is issued: a schedule sets only the rate.

    Raises:
        ValueError: if it is not a function of the step, with an alternative; or if
            ``gradient_accumulation_steps`` is less than 1 or not whole.
    """
    refuse_plateau(program, "a Keras schedule", "keras_callbacks(...), which sets the rate")
    refuse_epochs(program, "Keras")
    rate = ScheduledRate(program, gradient_accumulation_steps)
    if program.momentum is not None:
        warn("a Keras schedule sets only the rate: for `momentum=` use keras_callbacks(...)")
    return rate


def refuse_other_accumulation(optimizer: Any) -> None:
    """Raise an error if an optimizer and its schedule differ in gradient accumulation.

    Raises:
        ValueError: if the optimizer has a `ScheduledRate` for another number of steps.
    """
    rate = getattr(optimizer, "_learning_rate", None)
    steps = optimizer.gradient_accumulation_steps or 1
    if isinstance(rate, ScheduledRate) and rate.gradient_accumulation_steps != steps:
        raise ValueError(
            f"the optimizer has gradient_accumulation_steps={steps}, and its schedule is for"
            f" {rate.gradient_accumulation_steps}:"
            f" use to_keras(..., gradient_accumulation_steps={steps})"
        )
