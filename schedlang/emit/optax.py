"""The optax target: its factories under `join_schedules`, and formulas where none fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schedlang.emit import header, source
from schedlang.emit.arrays import Arrays
from schedlang.emit.classes import Native, optax_schedule, optax_warmup_cosine
from schedlang.emit.dialects import JAX
from schedlang.emit.levels import Levels
from schedlang.emit.outline import Part, Rounds, outline
from schedlang.emit.spelling import Lists
from schedlang.formula.expressions import BASE, symbols
from schedlang.program.program import Piece, Program, Track

MOST_PHASES = 20
"""Phases that are joined one by one; a longer schedule is one function."""


@dataclass
class Module:
    """What the file needs, collected while it is written."""

    levels: Levels
    lists: Lists = field(default_factory=Lists)
    explained: set[str] = field(default_factory=set)
    definitions: list[list[str]] = field(default_factory=list)


def emit(program: Program, function: str, style: str) -> str:
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known."""
    header.refuse_memory(program, "optax")
    per_epoch = header.epoch_of(program, "optax")
    module = Module(Levels(program.base))
    clock = "epoch" if per_epoch else "step"
    lines = _native(module, program, clock) if style == "native" else None
    uses_optax = lines is not None
    epochs = f"epoch = jnp.asarray(step) // {source.integer(per_epoch or 1)}"
    if lines is None:
        arrays = Arrays(JAX, source.WIDTH - 4, lists=module.lists, explained=module.explained)
        count = epochs if per_epoch else _AS_ARRAY
        lines = [count, *arrays.returns(program.tracks, clock)]
    elif per_epoch:
        lines = [epochs, *lines]
    base = ", lr: float" if header.needs_base(program) else ""
    head = f"def {function}(step: ArrayLike{base}) -> jax.Array:"
    defined = [
        *module.definitions,
        [head, *source.indented([*header.explains(program, updates=True), *lines])],
    ]
    imports = ["import jax", "import jax.numpy as jnp"]
    imports += ["import optax"] if uses_optax else []
    imports += ["from jax.typing import ArrayLike"]
    opening = header.opening(program, imports, module.lists.constants())
    return source.joined([opening, *defined])


_AS_ARRAY = "step = jnp.asarray(step)"


def _native(module: Module, program: Program, clock: str) -> list[str] | None:
    """Statements that return the value of an optax schedule; None where a formula is no worse."""
    if len(program.tracks) > 1:
        return None
    parts = outline(program.tracks[0])
    match parts:
        case (Rounds(begin=0, end=None, period=period, parts=inner),):
            schedule = _schedule(module, inner)
            clock = f"jnp.asarray({clock}) % {source.integer(period)}"
        case _:
            schedule = _schedule(module, parts)
    return None if schedule is None else [*schedule, f"return jnp.asarray(schedule({clock}))"]


def _schedule(module: Module, parts: Sequence[Part]) -> list[str] | None:
    """Statements that define ``schedule``, of phases one after the other."""
    pieces = [part for part in parts if isinstance(part, Piece)]
    if len(pieces) < len(parts) or len(pieces) > MOST_PHASES:
        return None
    found = [optax_schedule(piece, module.levels) for piece in pieces]
    if all(own is None or own.name == "constant_schedule" for own in found):
        return None
    both = optax_warmup_cosine(pieces[:2], module.levels)
    if both is not None:
        pieces = [pieces[0]._replace(text=f"{pieces[0].text} -> {pieces[1].text}"), *pieces[2:]]
        pieces[0] = pieces[0]._replace(end=parts[1].end)
        found = [both, *found[2:]]
    *_, last = pieces
    before = found[-2].holds if len(found) > 1 and found[-2] is not None else None
    if before is not None and not last.text and module.levels.same(before, last.curve):
        pieces, found = pieces[:-1], found[:-1]
    comments = [
        source.comment(piece.text or "the end holds", source.WIDTH - 12) for piece in pieces
    ]
    width = source.WIDTH - len("    schedule = " if len(pieces) == 1 else f"{'':12},")
    built = [
        _call(own, width) if own is not None else _by_formula(module, piece)
        for piece, own in zip(pieces, found, strict=True)
    ]
    if len(built) == 1:
        return [*comments[0], *f"schedule = {built[0]}".split("\n")]
    children = ["\n".join([*c, call]) for c, call in zip(comments, built, strict=True)]
    listed = "\n".join(source.call("[", children, "]"))
    boundaries = [source.integer(piece.end or 0) for piece in pieces[:-1]]
    marks = "\n".join(source.call("boundaries=[", boundaries, "]", source.WIDTH - 9))
    return source.call("schedule = optax.join_schedules(", [listed, marks], width=0)


def _call(own: Native, width: int) -> str:
    arguments = [f"{name}={value}" for name, value in own.arguments.items()]
    return "\n".join(source.call(f"optax.{own.name}(", arguments, width=width))


def _by_formula(module: Module, piece: Piece) -> str:
    """A function for one phase, of the steps since it began."""
    taken = [lines[0].split("(")[0].removeprefix("def ") for lines in module.definitions]
    wanted = f"_{piece.kind}"
    names = (wanted, *(f"{wanted}_{i}" for i in range(2, len(taken) + 3)))
    name = next(name for name in names if name not in taken)
    takes_base = BASE.name in symbols(piece.curve)
    end = None if piece.end is None else piece.end - piece.begin
    local = piece._replace(begin=0, end=end, text="")
    arrays = Arrays(JAX, source.WIDTH - 4, lists=module.lists, explained=module.explained)
    lines = arrays.returns([Track((local,))], "step")
    says = source.docstring(f"The rate `step` steps into `{piece.text}`.", [])
    head = f"def {name}(step: ArrayLike{', lr: float' if takes_base else ''}) -> jax.Array:"
    module.definitions.append([head, *source.indented([*says, _AS_ARRAY, *lines])])
    return f"lambda step: {name}(step, lr)" if takes_base else name
