"""The python target: one function of the standard library's arithmetic."""

from __future__ import annotations

from schedlang.emit import header, source
from schedlang.emit.printing import import_lines
from schedlang.emit.scalar import IMPORTS, Scalar, functions, used_names
from schedlang.program.program import Program


def emit(program: Program, function: str, style: str) -> str:  # noqa: ARG001 - as all targets
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known.

    Python has no schedules of its own, so that both styles are the same.
    """
    header.refuse_memory(program, "python")
    scalar = Scalar(program.levels)
    defined = functions(
        scalar,
        program.tracks,
        function,
        takes_base=header.needs_base(program),
        docstring=header.explains(program),
    )
    defined = [*scalar.helper_functions(defined), *defined]
    imports = [IMPORTS[name] for name in used_names(defined) & IMPORTS.keys()]
    opening = header.opening(program, import_lines(imports), scalar.constants())
    return source.joined([opening, *defined])
