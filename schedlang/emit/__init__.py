"""Emits source code that depends on its framework but not on this package."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Literal, TypeAlias, get_args

from schedlang.emit.file import File
from schedlang.program.program import Program
from schedlang.targets import Target

Style: TypeAlias = Literal["native", "closed-form"]

DEFINES: dict[Target, str] = {
    "torch": "build_scheduler",
    "keras": "build_schedule",
    "optax": "learning_rate",
    "python": "learning_rate",
}


def emit(
    target: Target,
    program: Program,
    function: str | None = None,
    style: Style = "native",
    gradient_accumulation_steps: int = 1,
) -> str:
    """Emit a Python module that defines the schedule.

    Args:
        target: what to emit for.
        program: the schedule; uses the symbol ``base`` if the base rate is unknown.
        function: the name of the function to define.
        style: ``"native"`` uses the framework's own schedules, ``"closed-form"`` only formulas.
        gradient_accumulation_steps: batches that the Keras optimizer accumulates per update.

    Raises:
        ValueError: if the target or style is unknown, the name is unusable, or the target does
            not support the schedule.
    """
    check(target, style, gradient_accumulation_steps)
    default = DEFINES[target]
    write: Callable[..., File] = import_module(f"schedlang.emit.{target}").emit
    if target == "keras":
        write = partial(write, gradient_accumulation_steps=gradient_accumulation_steps)
    file = write(program, default, style)
    if function is None or function == default:
        return file.source()
    if not function.isidentifier() or keyword.iskeyword(function):
        raise ValueError(f"a function cannot be called {function!r}")
    if function in file.names or function in dir(builtins):
        raise ValueError(f"a function cannot be called {function!r}: the source uses that name")
    return write(program, function, style).source()


def check(target: Target, style: Style, gradient_accumulation_steps: int) -> None:
    """Reject invalid options.

    Raises:
        ValueError: if the target or style is unknown, or the target already counts updates.
    """
    if target not in DEFINES:
        raise ValueError(f"there is no target {target!r}: it is one of {', '.join(DEFINES)}")
    if style not in get_args(Style):
        raise ValueError(f"there is no style {style!r}: it is one of {', '.join(get_args(Style))}")
    if gradient_accumulation_steps != 1 and target != "keras":
        raise ValueError(
            "gradient_accumulation_steps= is for keras, which counts batches: a step of"
            f" {target} is an update"
        )
