"""What emitted source imports and leaves out, compared with the frameworks."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from schedlang.counterparts import keras, optax, torch
from schedlang.emit.code import IMPORTS, import_statements, lines_of
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


@pytest.mark.parametrize("text", IMPORTS)
def test_imports(text: str) -> None:
    scope: dict[str, object] = {}
    exec("\n".join(lines_of(import_statements([IMPORTS[text]]))), scope)  # our own source
    assert text in scope
