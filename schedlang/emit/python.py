"""The python target: one function of the standard library's arithmetic."""

from __future__ import annotations

from schedlang.emit import header, source
from schedlang.emit.outline import outline
from schedlang.emit.scalar import body
from schedlang.emit.spelling import HELPERS, Scalar
from schedlang.formula import BASE, symbols
from schedlang.program import Program


def emit(program: Program, function: str, style: str) -> str:
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known."""
    header.refuse_memory(program, "python")
    scalar = Scalar()
    needs_base = header.needs_base(program)
    parameters = "step: int, lr: float" if needs_base else "step: int"
    definition = [f"def {function}({parameters}) -> float:"]
    definition += source.indented(header.explains(program))
    factors: list[list[str]] = []
    if len(program.tracks) == 1:
        definition += source.indented(
            body(scalar, outline(program.tracks[0]), "step", source.WIDTH - 4)
        )
    else:
        names = []
        for i, track in enumerate(program.tracks):
            name = "_rate" if i == 0 else "_factor" if len(program.tracks) == 2 else f"_factor_{i}"
            takes = any(BASE.name in symbols(piece.curve) for piece in track.pieces)
            names.append(f"{name}(step, lr)" if takes else f"{name}(step)")
            lines = body(scalar, outline(track), "step", source.WIDTH - 4)
            head = f"def {name}(step: int{', lr: float' if takes else ''}) -> float:"
            factors.append([head, *source.indented(lines)])
        definition += source.indented(source.product(names, source.WIDTH - 4))
    helpers = [HELPERS[op].split("\n") for op in HELPERS if op in scalar.helpers]
    text = "\n".join(line for part in (*helpers, *factors, definition) for line in part)
    imports = scalar.imports(text)
    return source.joined([header.opening(program, imports), *helpers, *factors, definition])
