"""Numbers of an optimizer that change inside a compiled training step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
from keras import ops

from schedlang.counterparts.keras import KERAS_NAMES
from schedlang.keras.schedule import ScheduledRate
from schedlang.program.program import Program


class Moving(keras.Variable):
    """A number of an optimizer that is recomputed at each update.

    Keras holds such numbers as Python floats, which become constants in a compiled step.

    Attributes:
        start: the optimizer's own number.
        saved: whether the optimizer's config has the current number instead of ``start``.
    """

    def __init__(
        self, optimizer: Any, start: float, program: Program, begin: int = 0, *, saved: bool = False
    ) -> None:
        self.begin = begin
        self.start = start
        self.saved = saved
        self._optimizer = optimizer
        self._at = ScheduledRate(program)
        super().__init__(start, dtype="float32", trainable=False)

    @property
    def value(self) -> Any:
        """The number for the next update: the optimizer's own until the line changes it."""
        updates = self._optimizer.iterations
        return ops.where(updates < self.begin, self.start, self._at(updates))

    @property
    def in_config(self) -> float:
        """The number in the optimizer's config."""
        return float(self.value + 0) if self.saved else self.start

    def __ne__(self, other: object) -> Any:
        return True  # `if self.momentum != 0` is evaluated while the step is traced

    def __gt__(self, other: object) -> Any:
        return True

    __hash__ = keras.Variable.__hash__


def own_number(optimizer: Any, name: str) -> Any:
    """The optimizer's own number, even if a line changes it; None if it has none."""
    found = getattr(optimizer, name, None)
    return found.start if isinstance(found, Moving) else found


def keras_name(optimizer: Any, key: str) -> str | None:
    """Keras' name of a hyperparameter; None if the optimizer does not have it.

    ``momentum`` is ``beta_1`` if the optimizer has no ``momentum``.
    """
    names = [KERAS_NAMES[key]] if key in KERAS_NAMES else []
    if key == "momentum":
        names.append("beta_1")
    return next((name for name in names if hasattr(optimizer, name)), None)


def move(optimizer: Any, name: str, moving: Moving) -> None:
    """Replace a number of an optimizer by a moving one.

    A training step compiled before has the number as a constant, and must be compiled again.
    """
    # Not by `__setattr__`, which would save it with the optimizer's weights.
    vars(optimizer)[name] = moving

    def get_config() -> dict[str, Any]:
        numbers = {key: x.in_config for key, x in vars(optimizer).items() if isinstance(x, Moving)}
        return {**type(optimizer).get_config(optimizer), **numbers}

    optimizer.get_config = get_config


def move_momentum(optimizer: Any, program: Program) -> None:
    """Make an optimizer's momentum follow the line, from the first phase that changes it.

    Raises:
        ValueError: if the optimizer has none, or one that is switched off.
    """
    assert program.momentum is not None
    name = keras_name(optimizer, "momentum") or ""
    start = momentum_of(optimizer, name)
    updates = program.steps_per_epoch if program.tick == "epoch" else 1
    begin = program.momentum.begins[0] * (updates or 1)
    momentum = replace(program, symbolic=(program.momentum,))
    move(optimizer, name, Moving(optimizer, start, momentum, begin, saved=True))


def momentum_of(optimizer: Any, name: str) -> float:
    """The optimizer's momentum.

    Raises:
        ValueError: if the optimizer has none, or one that is switched off.
    """
    found = own_number(optimizer, name)
    if not found:
        kind = type(optimizer).__name__
        raise ValueError(f"{kind} has no momentum to move: use SGD(momentum=0.9), or Adam")
    return float(found)
