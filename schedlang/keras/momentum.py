"""A momentum that moves inside of a compiled training step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
from keras import ops

from schedlang.keras.schedule import ScheduledRate
from schedlang.program.program import Program


class MovingMomentum(keras.Variable):
    """The momentum of an optimizer, which each of its updates computes anew.

    Keras holds momentum as a Python float, which becomes a constant where the step is compiled.
    """

    def __init__(self, optimizer: Any, start: float, program: Program) -> None:
        assert program.momentum is not None
        updates = program.steps_per_epoch if program.tick == "epoch" else 1
        self.begin = program.momentum.begins[0] * (updates or 1)
        self.start = start
        self.program = program
        self._optimizer = optimizer
        self._at = ScheduledRate(replace(program, symbolic=(program.momentum,)))
        super().__init__(start, dtype="float32", trainable=False)

    @property
    def value(self) -> Any:
        """The momentum of the next update: the optimizer's own, until the line moves it."""
        updates = self._optimizer.iterations
        return ops.where(updates < self.begin, self.start, self._at(updates))

    def __ne__(self, other: object) -> Any:
        return True  # `if self.momentum != 0` is evaluated while the step is traced

    def __gt__(self, other: object) -> Any:
        return True

    __hash__ = keras.Variable.__hash__


def move(optimizer: Any, program: Program) -> None:
    """Make an optimizer's momentum follow the line.

    A training step that was compiled before has the momentum as a constant, and must be made anew.

    Raises:
        ValueError: if the optimizer has none, or one that is switched off.
    """
    name = next((name for name in ("momentum", "beta_1") if hasattr(optimizer, name)), "")
    found = getattr(optimizer, name, None)
    if isinstance(found, MovingMomentum):
        found = found.start
    if not found:
        kind = type(optimizer).__name__
        raise ValueError(f"{kind} has no momentum to move: use SGD(momentum=0.9), or Adam")
    moving = MovingMomentum(optimizer, found, program)
    # Past `__setattr__`, which would have it saved with the optimizer's weights.
    vars(optimizer)[name] = moving

    def get_config() -> dict[str, Any]:
        now = float(moving.value + 0)
        return {**type(optimizer).get_config(optimizer), name: now}

    optimizer.get_config = get_config
