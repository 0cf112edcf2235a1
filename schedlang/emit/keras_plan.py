"""The keras target for plans: a schedule for the rate, a callback for the other numbers."""

from __future__ import annotations

from collections.abc import Sequence

from schedlang.arrays.tables import steps_per_update
from schedlang.counterparts.keras import KERAS_NAMES
from schedlang.emit import header, keras, keras_numbers
from schedlang.emit.code import docstring
from schedlang.emit.file import File
from schedlang.emit.plan import EmittedLine, file_of, name, naming, numbers_of


def emit(lines: Sequence[EmittedLine], style: str, gradient_accumulation_steps: int) -> File:
    """A module with ``build_schedule()`` for the rate, and ``build_callbacks()`` for the others."""
    numbers = numbers_of(lines)
    batches = steps_per_update(gradient_accumulation_steps)
    file = file_of(lines, *keras_numbers.NAMES, "LearningRate", "build_schedule")
    moving: dict[str, str] = {}
    for line in lines:
        if line.is_value:
            _define(file, line, name(file, line))
        elif line.key == "lr":
            own = file.of_line(line.program.levels, line.base)
            with naming(line):
                keras.define_schedule(own, line.program, "build_schedule", style, batches)
        elif line.key in KERAS_NAMES:
            moving[KERAS_NAMES[line.key]] = named = name(file, line, private=True)
            _define(file, line, named)
        else:
            can = ", ".join(["lr", *KERAS_NAMES])
            raise ValueError(f"`{line.key}` cannot be set in a compiled step of Keras; {can} can")
    if not moving:
        return file
    has_rate = len(moving) < len(numbers)
    bases: dict[str, float] = {}
    not_zero: list[str] = []
    for line in numbers:
        key, program = KERAS_NAMES.get(line.key), line.program
        if key is not None:
            if program.base is not None and program.needs_base:
                bases[key] = program.base
            if not line.takes_zero or line.key in {"momentum", "beta1"}:
                not_zero.append(key)
    keras_numbers.define(file, moving, bases, not_zero, batches if has_rate else None)
    use = "Compile the model with the schedule as its learning rate. " if has_rate else ""
    keras.define_callbacks(file, ["Numbers()"], f"{use}The bases are the optimizer's own numbers.")
    return file


def _define(file: File, line: EmittedLine, named: str) -> None:
    """Write a line's function; only a number's takes a base."""
    per_epoch = header.epoch_of(line.program, "keras")
    own = file.of_line(line.program.levels, line.base)
    says = line.explained(updates=True) if line.is_value else docstring(line.summary())
    takes_base = not line.is_value
    with naming(line):
        keras_numbers.define_function(
            own, named, line.program.tracks, says, per_epoch, takes_base=takes_base
        )
