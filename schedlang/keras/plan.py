"""The Keras callbacks of a plan, which set the numbers that Keras cannot schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np

from schedlang.arrays.tables import refuse_epochs, refuse_plateau
from schedlang.counterparts.keras import KERAS_NAMES
from schedlang.keras.callbacks import RateLogger, RateSetter, as_float, inner
from schedlang.keras.moving import (
    Moving,
    keras_name,
    momentum_of,
    move,
    own_number,
)
from schedlang.keras.schedule import ScheduledRate
from schedlang.program.program import Program

Bind: TypeAlias = Callable[[str, float], Program]
"""Binds the line of a hyperparameter to its base."""


def plan_callbacks(
    programs: Mapping[str, Program], bases: Mapping[str, float], bind: Bind
) -> list[keras.callbacks.Callback]:
    """The callbacks that set the numbers during ``fit``, and log the rate.

    Args:
        programs: the programs of the hyperparameters, not bound to a base.
        bases: the given bases.
        bind: binds the line of a hyperparameter to the optimizer's number.

    Raises:
        ValueError: if Keras does not support it; the message names the hyperparameter.
    """
    for key, program in programs.items():
        refuse_epochs(program, "Keras")
        if key not in {"lr", *KERAS_NAMES}:
            can = ", ".join(["lr", *KERAS_NAMES])
            raise ValueError(f"`{key}` cannot be set in a compiled step of Keras; {can} can")
        if key != "lr":
            refuse_plateau(program, f"`{key}` in a compiled step of Keras", "it for lr")
    return [PlanSetter(programs, bases, bind), RateLogger()]


class PlanSetter(RateSetter):
    """Sets the optimizer's numbers; the rate only if it is a number, not a schedule.

    Weight decay, momentum, betas and epsilon are computed inside the compiled step. Their bases are
    the optimizer's own numbers. The base of the rate is `lr=` if given, else the optimizer's rate
    before its first update.
    """

    def __init__(
        self, programs: Mapping[str, Program], bases: Mapping[str, float], bind: Bind
    ) -> None:
        keras.callbacks.Callback.__init__(self)
        self._unbound = programs
        self._bases = bases
        self._bind = bind
        self._sets_rate = False

    def set_model(self, model: Any) -> None:
        keras.callbacks.Callback.set_model(self, model)
        optimizer = inner(model.optimizer)
        names: dict[str, str] = {}
        for key in self._unbound:
            if key == "lr":
                continue
            name = keras_name(optimizer, key)
            kind = type(optimizer).__name__
            if name is None:
                has = [own for own in KERAS_NAMES if hasattr(optimizer, KERAS_NAMES[own])]
                raise ValueError(f"{kind} has no number called `{key}`; it has {', '.join(has)}")
            if name in names:
                message = f"`{names[name]}` and `{key}` are the same number of this optimizer"
                raise ValueError(f"{message}: write one of them")
            names[name] = key
        for name, key in names.items():
            base = self._base(optimizer, key, name)
            move(optimizer, name, Moving(optimizer, base, self._bind(key, base)))
        if names:
            model.make_train_function(force=True)
        self._sets_rate = "lr" in self._unbound and hasattr(optimizer.learning_rate, "assign")
        if self._sets_rate:
            self._start(self._bind("lr", self._rate(optimizer)))
            super().set_model(model)
        elif "lr" in self._unbound:
            self._check_schedule(optimizer)

    def _base(self, optimizer: Any, key: str, name: str) -> float:
        kind = type(optimizer).__name__
        if name in {"momentum", "beta_1"}:
            base = momentum_of(optimizer, name)
        else:
            found = own_number(optimizer, name)
            if found is None:
                raise ValueError(
                    f"{kind} has {name}=None, which switches it off: use {kind}({name}=0.01)"
                )
            base = float(found)
        self._agree(key, base)
        return base

    def _agree(self, key: str, base: float) -> None:
        given = self._bases.get(key)
        if given is not None and abs(given - base) > 1e-6 * abs(given):
            raise ValueError(f"{key}={given:g} is given, but the optimizer has {base:g}")

    def _rate(self, optimizer: Any) -> float:
        """The base rate, which is not the optimizer's current rate after the first update."""
        found = float(str(np.float32(as_float(optimizer.learning_rate))))
        noted = vars(optimizer).get("schedlang_base_rate")
        if as_float(optimizer.iterations) == 0:
            self._agree("lr", found)
            noted = found
        base = self._bases.get("lr", noted)
        if base is None:
            raise ValueError(
                "the optimizer has made updates, and its rate is no longer the base rate: "
                "give the base rate, keras_callbacks(lr=0.1)"
            )
        vars(optimizer)["schedlang_base_rate"] = base
        return float(base)

    def _check_schedule(self, optimizer: Any) -> None:
        """Raise an error if the optimizer's schedule is not that of the plan's line."""
        rate, line = getattr(optimizer, "_learning_rate", None), self._unbound["lr"]
        refuse_plateau(line, "a Keras schedule", "a number as the optimizer's rate")
        if line.momentum is not None:
            raise ValueError("`momentum=` of `lr` needs an optimizer with a number as its rate")
        if not isinstance(rate, ScheduledRate) or rate.program.text != line.text:
            raise ValueError(
                "the optimizer has a schedule that is not the plan's: give it to_keras(...), "
                "or a number, learning_rate=0.1"
            )
        self._agree("lr", rate.program.base or 0.0)

    def on_train_begin(self, logs: Any = None) -> None:
        if self._sets_rate:
            super().on_train_begin(logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._sets_rate:
            super().on_train_batch_begin(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._sets_rate:
            super().on_epoch_end(epoch, logs)
