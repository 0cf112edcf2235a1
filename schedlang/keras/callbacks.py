"""The Keras callbacks that set the rate, for `plateau` and momentum, and log it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import keras
import numpy as np

from schedlang.arrays.tables import refuse_epochs
from schedlang.errors import warn
from schedlang.formula.expressions import Number
from schedlang.keras.moving import move_momentum
from schedlang.keras.schedule import refuse_other_accumulation
from schedlang.plateau import PlateauMemory, ReduceOnPlateau
from schedlang.program.program import Arguments, Program


def callbacks(program: Program) -> list[keras.callbacks.Callback]:
    """The callbacks that set the rate (and the momentum) during ``fit``, and log it.

    Raises:
        ValueError: if the schedule counts epochs of unknown length.
    """
    return [RateSetter(program), RateLogger()]


class RateSetter(keras.callbacks.Callback):
    """Sets the optimizer's rate before each update; in a `plateau`, after each epoch.

    The tick is the optimizer's own count of updates, which is saved with its weights. The memory
    of a `plateau` is an attribute of the optimizer and also saved with its weights, so a second
    ``fit`` continues with it, and ``BackupAndRestore`` restores it.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._start(program)

    def _start(self, program: Program) -> None:
        refuse_epochs(program, "Keras")
        self.program = program
        self._memory: _PlateauLayer | None = None
        self._epochs = 0
        self._has_metric = False
        self._warned = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        optimizer = inner(model.optimizer)
        if not hasattr(optimizer.learning_rate, "assign"):  # else it is a variable
            raise ValueError(
                "the optimizer already has a schedule, so its rate cannot be set:"
                " give it a number, learning_rate=0.1"
            )
        if self.program.momentum is not None:
            move_momentum(optimizer, self.program)
            model.make_train_function(force=True)
        if self.program.plateau is not None:
            memory = getattr(optimizer, "schedlang_memory", None)
            if memory is None or memory.line != _line(self.program):
                memory = optimizer.schedlang_memory = _PlateauLayer(
                    self.program, self.program.plateau
                )
            self._memory = memory

    def on_train_begin(self, logs: Any = None) -> None:
        steps = getattr(self.model, "steps_per_execution", 1)
        if steps not in {None, 1}:
            raise ValueError(
                f"the rate is set before each update, but steps_per_execution is {steps}"
            )
        self._epochs, self._has_metric = 0, False
        memory = self._memory
        if memory is not None:
            if not memory.used and self._tick() > memory.begin:
                # A loaded model has the rate of its plateau, but not the memory.
                memory.entry = min(
                    memory.entry, as_float(inner(self.model.optimizer).learning_rate)
                )
            memory.used = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        tick, memory = self._tick(), self._memory
        in_plateau = memory is not None and tick >= memory.begin
        rate = memory.rate if memory is not None and in_plateau else self.program.at(tick)
        inner(self.model.optimizer).learning_rate = rate

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        memory = self._memory
        if memory is None:
            return
        self._epochs += 1
        metric = (logs or {}).get(memory.monitor)
        self._has_metric = self._has_metric or metric is not None
        if self._tick(ended=True) < memory.begin:
            return
        if metric is None:
            self._warn_of_missing(memory.monitor, epoch, logs or {})
        elif memory.plateau.receive(float(metric)):
            inner(self.model.optimizer).learning_rate = memory.rate

    def _warn_of_missing(self, monitor: str, epoch: int, logs: Mapping[str, Any]) -> None:
        """Issue one warning, as soon as the metric cannot come from a later validation.

        With ``validation_freq`` above 1, most epochs have no validation. If more than half of the
        epochs of a ``fit`` have passed without one, at most one will follow.
        """
        if self._warned or self._has_metric:
            return
        of_validation = monitor.startswith("val_")
        validated = any(name.startswith("val_") for name in logs)
        before = epoch + 1 - self._epochs  # epochs of an earlier fit that this one resumes
        epochs = (self.params or {}).get("epochs", 0) - before
        if of_validation and not validated and 2 * self._epochs <= epochs:
            return
        self._warned = True
        has = ", ".join(sorted(logs)) or "none"
        warn(f"`plateau` found no metric `{monitor}` in the epoch's logs, which have: {has}")

    def _tick(self, *, ended: bool = False) -> int:
        """The tick of the next update, or of the one that ended."""
        synchronise(self.model)
        updates = int(as_float(inner(self.model.optimizer).iterations)) - ended
        if self.program.tick == "epoch":
            assert self.program.steps_per_epoch is not None
            return max(0, updates) // self.program.steps_per_epoch
        return max(0, updates)


class RateLogger(keras.callbacks.Callback):
    """Adds the rate that the last update used to the logs.

    The History, the progress bar and later callbacks read it there.

    Args:
        name: its key in the logs. At the end of an epoch Keras' ``TensorBoard`` replaces
            ``learning_rate`` by the rate of the next update, but not other names.
    """

    def __init__(self, name: str = "learning_rate") -> None:
        super().__init__()
        self.name = name
        self._rate = float("nan")

    def on_train_begin(self, logs: Any = None) -> None:
        refuse_other_accumulation(inner(self.model.optimizer))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        synchronise(self.model)
        self._rate = as_float(inner(self.model.optimizer).learning_rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.name] = self._rate

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.name] = self._rate


class _PlateauLayer(keras.layers.Layer):
    """The plateau of a line, saved with the weights of the optimizer.

    Attributes:
        plateau: the state machine.
        line: the line and its binding.
        begin: the plateau's first tick.
        monitor: the metric's name in the logs.
        entry: the rate at which the plateau began.
        used: whether it has the memory of the updates so far, instead of an empty one.
    """

    def __init__(self, program: Program, phase: Arguments) -> None:
        super().__init__(name="schedlang_memory")
        floor = phase["min"]
        assert isinstance(floor, Number)
        self.plateau = ReduceOnPlateau.of(phase)
        self.line = _line(program)
        self.begin: int = phase["begin"]
        self.monitor: str = phase["monitor"]
        self.entry = program.at(self.begin)
        self.floor = floor.value
        self.used = False
        self.built = True

    @property
    def rate(self) -> float:
        return self.plateau.level(self.entry, self.floor)

    def save_own_variables(self, store: Any) -> None:
        store["plateau"] = np.array([self.entry, *astuple(self.plateau.memory)], "float64")

    def load_own_variables(self, store: Any) -> None:
        if "plateau" in store.keys():  # noqa: SIM118  # a Keras store is not a mapping
            self.entry, best, *counts = (float(x) for x in np.asarray(store["plateau"]))
            self.plateau.memory = PlateauMemory(best, *map(int, counts))
            self.used = True


def _line(program: Program) -> str:
    return f"{program.text} {dict(program.binding)}"


def inner(optimizer: Any) -> Any:
    """The optimizer inside a ``LossScaleOptimizer``, else the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def as_float(scalar: Any) -> float:
    """The value of a scalar variable or tensor.

    A variable distributed by `tf.distribute` has no ``float()``, but a sum of it has.
    """
    return float(scalar + 0)


def synchronise(model: Any) -> None:
    """Update the optimizer's variables; under JAX, ``fit`` keeps the current values elsewhere."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
