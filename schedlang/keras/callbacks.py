"""The Keras callbacks: they set the rate, for `plateau` and momentum, and log it."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from schedlang.errors import ScheduleWarning
from schedlang.formula import Number
from schedlang.keras.momentum import move
from schedlang.keras.plateau import Plateau
from schedlang.program import Program
from schedlang.tables import refuse_epochs


def callbacks(program: Program) -> list[keras.callbacks.Callback]:
    """What sets the rate (and the momentum) during ``fit``, and what logs it.

    Raises:
        ValueError: if the schedule counts epochs of unknown length.
    """
    return [RateSetter(program), RateLogger()]


class RateSetter(keras.callbacks.Callback):
    """Sets the optimizer's rate before each update; in a `plateau`, after each epoch.

    The tick is the optimizer's own count of updates, which its weights carry along. What a
    `plateau` remembers hangs on the optimizer and is stored with its weights, so that a second
    ``fit`` goes on, and ``BackupAndRestore`` brings it back.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        refuse_epochs(program, "Keras")
        self.program = program
        self._plateau: Plateau | None = None
        self._warned = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        optimizer = inner(model.optimizer)
        if not hasattr(optimizer.learning_rate, "assign"):  # else it is a variable
            raise ValueError(
                "the optimizer has a schedule already, and its rate cannot be set:"
                " give it a number, learning_rate=0.1"
            )
        if self.program.momentum is not None:
            move(optimizer, self.program)
            model.make_train_function(force=True)
        facts = self.program.plateau
        if facts is not None:
            least = facts["min"]
            assert isinstance(least, Number)
            rate = self.program.at(facts["begin"])
            memory = getattr(optimizer, "schedlang_memory", None)
            if memory is None or memory.line != _line(self.program):
                memory = _Memory(Plateau(facts, rate, least.value), _line(self.program))
                optimizer.schedlang_memory = memory
            self._plateau = memory.plateau

    def on_train_begin(self, logs: Any = None) -> None:
        steps = getattr(self.model, "steps_per_execution", 1)
        if steps not in {None, 1}:
            raise ValueError(
                f"a rate is set before each update, and steps_per_execution is {steps}"
            )
        facts = self.program.plateau
        if facts is not None and self._plateau is not None:
            memory = inner(self.model.optimizer).schedlang_memory
            if not memory.used and self._tick() > facts["begin"]:
                # A model that was loaded whole brings its rate along, and no more.
                self._plateau.rate = min(self._plateau.rate, self._rate())
            memory.used = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        tick = self._tick()
        optimizer = inner(self.model.optimizer)
        if self._plateau is not None and self._in_plateau(tick):
            optimizer.learning_rate = self._plateau.rate
        else:
            optimizer.learning_rate = self.program.at(tick)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        facts = self.program.plateau
        if facts is None or self._plateau is None or not self._in_plateau(self._tick(ended=True)):
            return
        metric = (logs or {}).get(facts["monitor"])
        if metric is not None:
            self._plateau.receive(float(metric))
            inner(self.model.optimizer).learning_rate = self._plateau.rate
        elif not self._warned:
            self._warned = True
            known = ", ".join(sorted(logs or {})) or "none"
            message = (
                f"no metric `{facts['monitor']}` this epoch, so that `plateau` did not count it"
            )
            warnings.warn(ScheduleWarning(f"{message}; there are: {known}"), stacklevel=2)

    def _tick(self, *, ended: bool = False) -> int:
        """The tick of the next update, or of the one that ended."""
        synchronise(self.model)
        updates = int(number(inner(self.model.optimizer).iterations)) - ended
        if self.program.tick == "epoch":
            assert self.program.steps_per_epoch is not None
            return max(0, updates) // self.program.steps_per_epoch
        return max(0, updates)

    def _rate(self) -> float:
        return number(inner(self.model.optimizer).learning_rate)

    def _in_plateau(self, tick: int) -> bool:
        facts = self.program.plateau
        return facts is not None and tick >= facts["begin"]


class RateLogger(keras.callbacks.Callback):
    """Puts the rate that the last update used into the logs.

    So it reaches the History, the progress bar, and the callbacks that stand behind this one.

    Args:
        name: its key in the logs. Keras' ``TensorBoard`` writes a reading of its own over
            ``learning_rate`` at an epoch's end, the rate of the next update; not over other names.
    """

    def __init__(self, name: str = "learning_rate") -> None:
        super().__init__()
        self.name = name
        self._rate = float("nan")

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        synchronise(self.model)
        self._rate = number(inner(self.model.optimizer).learning_rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.name] = self._rate

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.name] = self._rate


class _Memory(keras.layers.Layer):
    """Saves a plateau's memory with the weights of the optimizer on which it hangs.

    Attributes:
        plateau: what remembers.
        line: the line and the binding that it belongs to.
        used: whether it is the memory of the updates that were made, or a new one.
    """

    def __init__(self, plateau: Plateau, line: str) -> None:
        super().__init__(name="schedlang_memory")
        self.plateau = plateau
        self.line = line
        self.built = True
        self.used = False

    def save_own_variables(self, store: Any) -> None:
        store["plateau"] = np.array(self.plateau.state, "float64")

    def load_own_variables(self, store: Any) -> None:
        if "plateau" in store.keys():  # noqa: SIM118  # a store of Keras is no mapping
            self.plateau.state = tuple(float(x) for x in np.asarray(store["plateau"]))
            self.used = True


def _line(program: Program) -> str:
    return f"{program.text} {dict(program.binding)}"


def inner(optimizer: Any) -> Any:
    """The optimizer itself, which loss scaling wraps."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def number(scalar: Any) -> float:
    """A variable or tensor of one number as that number."""
    return float(keras.ops.convert_to_tensor(scalar))


def synchronise(model: Any) -> None:
    """Brings the variables up to date: under JAX they lag behind, inside of ``fit``."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
