"""The python target: functions that use only the standard library."""

from __future__ import annotations

from schedlang.emit import header, scalar
from schedlang.emit.file import File
from schedlang.program.program import Program


def emit(program: Program, function: str, style: str) -> File:  # noqa: ARG001 - shared signature
    """A module with ``learning_rate(step)``, which takes ``lr`` too if the base rate is unknown.

    Python has no native schedules, so both styles are the same.
    """
    header.refuse_memory(program, "python")
    file = File(header.title(program), program.levels)
    takes_base = header.needs_base(program)
    scalar.define(file, program.tracks, function, header.explains(program), takes_base=takes_base)
    return file
