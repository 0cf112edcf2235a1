"""Source for plans: what the targets share, and the python and optax files."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from schedlang.arrays.tables import refuse_epochs
from schedlang.counterparts.optax import OPTAX_NAMES
from schedlang.emit import Style, check, header, optax, scalar
from schedlang.emit.code import IMPORTS, Block, docstring
from schedlang.emit.file import File
from schedlang.emit.helpers import HELPERS
from schedlang.program.program import Program
from schedlang.targets import Target

LONGEST_NAME = 40
_KEEPS: Mapping[str, str] = {}


class EmittedLine(NamedTuple):
    """A line of a plan.

    Attributes:
        key: the hyperparameter, or a value's name.
        group: a parameter group's name or index, or a pattern; None for all groups.
        program: the line; uses the symbol ``base`` if the base is unknown.
        is_value: whether it does not belong to an optimizer.
        zero_is_frozen: whether a base of 0 keeps a group at 0.
    """

    key: str
    group: str | int | None
    program: Program
    is_value: bool = False
    zero_is_frozen: bool = False

    @property
    def place(self) -> str:
        """The line's name in errors and docstrings."""
        return f"`{self.key}`" if self.group is None else f"`{self.key}` of `{self.group}`"

    @property
    def takes_zero(self) -> bool:
        """Whether the line accepts a base of 0."""
        program = self.program
        return not program.absolute if self.zero_is_frozen else not program.needs_base

    @property
    def base(self) -> str:
        """The parameter name for its base."""
        return "lr" if self.key == "lr" else "base"

    def summary(self) -> str:
        """A one-line docstring for its function."""
        return f"{self.place}: `{header.line(self.program)}`."

    def explained(self, *, updates: bool = False) -> Block:
        """The full docstring of its function."""
        program = self.program
        sentences = header.explained(
            program, what="value", noun="base", parameter=self.base, updates=updates
        )
        says = f"The {self.place} that the update after `step` updates uses."
        if self.is_value:
            says = f"The value {self.place} after `step` updates."
        return docstring(says, [f"`{header.line(program)}`", sentences])


def emit(
    target: Target,
    lines: Sequence[EmittedLine],
    style: Style = "native",
    gradient_accumulation_steps: int = 1,
) -> str:
    """Emit a Python module that defines a plan.

    Args:
        target: what to emit for.
        lines: the plan's lines.
        style: as for a single line.
        gradient_accumulation_steps: batches that the Keras optimizer accumulates per update.

    Raises:
        ValueError: if the target or style is unknown, or the target does not support a line.
    """
    check(target, style, gradient_accumulation_steps)
    for line in lines:
        _refuse(line, target)
    match target:
        case "python":
            return _python(lines).source()
        case "optax":
            return _optax(lines, style).source()
        case "torch":
            from schedlang.emit import torch_plan

            return torch_plan.emit(lines).source()
        case "keras":
            from schedlang.emit import keras_plan

            return keras_plan.emit(lines, style, gradient_accumulation_steps).source()


def _refuse(line: EmittedLine, target: Target) -> None:
    """Reject what a plan's source does not support.

    Raises:
        ValueError: with the line's name.
    """
    if line.program.plateau is not None:
        raise ValueError(
            f"{line.place}: the source of a plan cannot have `plateau`, whose values depend on the"
            " metrics of the run: use the plan itself, or emit this line alone"
        )
    if line.program.momentum is not None:
        raise ValueError(
            f"{line.place}: the source of a plan cannot have `momentum=`: write a line for momentum"
        )
    if target in {"keras", "optax"}:
        with naming(line):
            refuse_epochs(line.program, target)


@contextmanager
def naming(line: EmittedLine) -> Iterator[None]:
    """Prefix a `ValueError` with the line's name."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{line.place}: {error}") from None


def file_of(lines: Iterable[EmittedLine], *others: str) -> File:
    """A file in which a plan's names cannot clash with others.

    Its docstring lists the plan's hyperparameters and bindings.
    """
    keys = ", ".join(dict.fromkeys(f"`{line.key}`" for line in lines))
    settings: dict[str, object] = {}
    for line in lines:
        settings |= {n: value for n, value in line.program.binding.items() if n != "lr"}
    taken = {*dir(builtins), *IMPORTS, *HELPERS, *others}
    return File(f"The plan of {keys}{header.bound(settings)}.", taken=taken)


def numbers_of(lines: Sequence[EmittedLine]) -> list[EmittedLine]:
    """The lines that set an optimizer's numbers.

    Raises:
        ValueError: if there are none, or two for one number.
    """
    numbers = [line for line in lines if not line.is_value]
    if not numbers:
        raise ValueError("the plan has only values, and no number of an optimizer: emit python")
    if {"momentum", "beta1"} <= {line.key for line in numbers}:
        raise ValueError("`momentum` and `beta1` are one number of Adam: write one of them")
    return numbers


def name(
    file: File, line: EmittedLine, renamed: Mapping[str, str] = _KEEPS, *, private: bool = False
) -> str:
    """A unique name for a line's function, such as ``weight_decay_backbone``."""
    parts = (renamed.get(line.key, line.key), "" if line.group is None else str(line.group))
    wanted = re.sub(r"[^0-9A-Za-z]+", "_", "_".join(parts))[:LONGEST_NAME].strip("_")
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        wanted = f"value_{wanted}".rstrip("_")
    return file.free(f"_{wanted}" if private else wanted)


def define_scalar(
    file: File, line: EmittedLine, named: str, says: Block, *, takes_base: bool
) -> None:
    """Write one line's function in plain Python arithmetic."""
    own = file.of_line(line.program.levels, line.base)
    scalar.define(own, line.program.tracks, named, says, takes_base=takes_base)


def _python(lines: Sequence[EmittedLine]) -> File:
    """A module with a function for each line."""
    file = file_of(lines)
    for line in lines:
        named = name(file, line, {"lr": "learning_rate"})
        takes_base = header.needs_base(line.program)
        define_scalar(file, line, named, line.explained(), takes_base=takes_base)
    return file


def _optax(lines: Sequence[EmittedLine], style: Style) -> File:
    """A module with a schedule for each line, named as in optax."""
    file = file_of(lines)
    for line in lines:
        named = name(file, line, OPTAX_NAMES)
        own = file.of_line(line.program.levels, line.base)
        with naming(line):
            optax.define(own, line.program, named, style, line.explained(updates=True))
    return file
