"""The python target: one function of the standard library's arithmetic."""

from __future__ import annotations

from schedlang.emit import header
from schedlang.emit.definitions import Definitions, file_source
from schedlang.emit.scalar import IMPORTS, functions
from schedlang.program.program import Program


def emit(program: Program, function: str, style: str) -> str:  # noqa: ARG001 - as all targets
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known.

    Python has no schedules of its own, so that both styles are the same.
    """
    header.refuse_memory(program, "python")
    shared = Definitions(program.levels)
    defined = functions(
        shared,
        program.tracks,
        function,
        takes_base=header.needs_base(program),
        docstring=header.explains(program),
    )
    return file_source(header.title(program), shared, defined, IMPORTS)
