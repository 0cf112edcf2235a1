"""What emitted source leaves out is what the frameworks' classes take by default."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from schedlang.counterparts import keras, optax, torch
from schedlang.formula.expressions import Number

CLASSES = [
    (module, name, argument, default)
    for module, defaults in (
        ("torch.optim.lr_scheduler", torch.DEFAULTS),
        ("keras.optimizers.schedules", keras.DEFAULTS),
        ("optax", optax.DEFAULTS),
    )
    for name, arguments in defaults.items()
    for argument, default in arguments.items()
]


@pytest.mark.parametrize(("module", "name", "argument", "default"), CLASSES)
def test_defaults(module: str, name: str, argument: str, default: object) -> None:
    parameters = inspect.signature(getattr(import_module(module), name)).parameters
    number = default.value if isinstance(default, Number) else default
    assert parameters[argument].default == number
