"""The optax target: its factories under `join_schedules`, and formulas where none fits."""

from __future__ import annotations

from collections.abc import Sequence

from schedlang.emit import header, source
from schedlang.emit.arrays import LAST_TICK, Arrays
from schedlang.emit.classes import optax_schedule, optax_warmup_cosine
from schedlang.emit.code import Code, Text, call, commented, listed, statement
from schedlang.emit.definitions import Definitions, file_source
from schedlang.emit.levels import Levels
from schedlang.emit.parts import outline
from schedlang.emit.printing import JAX, number
from schedlang.program.program import Part, Piece, Program, Repeat, Track

MOST_PHASES = 20
"""Phases that are joined one by one; a longer schedule is one function."""


def emit(program: Program, function: str, style: str) -> str:
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known."""
    header.refuse_memory(program, "optax")
    header.epoch_of(program, "optax")  # refuses epochs of unknown length
    shared = Definitions(program.levels)
    explained = header.explains(program, updates=True)
    whole = function_of(shared, program, function, style, explained)
    return file_source(header.title(program), shared, [whole], JAX.imports)


def function_of(
    shared: Definitions, program: Program, name: str, style: str, explained: Sequence[str]
) -> list[str]:
    """The function ``name(step)``, with a parameter for the base rate where none is known."""
    per_epoch = header.epoch_of(program, "optax")
    clock = "epoch" if per_epoch else "step"
    lines = _native(shared, program, clock) if style == "native" else None
    if per_epoch:
        epochs = [f"epoch = jnp.asarray(step) // {source.integer(per_epoch)}"]
    else:
        epochs = [_AS_ARRAY] if lines is None else []
    if lines is None:
        lines = Arrays(shared, JAX, shared.base).returns(program.tracks, clock)
    base = f", {shared.base}: float" if header.needs_base(program) else ""
    head = f"def {name}(step: ArrayLike{base}) -> jax.Array:"
    return [head, *source.indented([*explained, *epochs, *lines])]


_AS_ARRAY = "step = jnp.asarray(step)"


def _native(shared: Definitions, program: Program, clock: str) -> list[str] | None:
    """Statements that return the value of an optax schedule; None where a formula is no worse."""
    if len(program.tracks) > 1:
        return None
    parts = outline(program.tracks[0])
    match parts:
        case (Repeat(begin=0, end=None, period=period, parts=inner),):
            parts, clock = inner, f"jnp.asarray({clock}) % {source.integer(period)}"
    schedule = _schedule(shared, Levels(program.base, shared.base), parts)
    return None if schedule is None else [*schedule, f"return jnp.asarray(schedule({clock}))"]


def _schedule(shared: Definitions, levels: Levels, parts: Sequence[Part]) -> list[str] | None:
    """Statements that define ``schedule``, of phases one after the other."""
    pieces = [part for part in parts if isinstance(part, Piece)]
    if len(pieces) < len(parts) or len(pieces) > MOST_PHASES:
        return None
    found = [optax_schedule(piece, levels) for piece in pieces]
    if all(own is None or own.name == "constant_schedule" for own in found):
        return None
    both = optax_warmup_cosine(pieces[:2], levels)
    if both is not None:
        text = f"{pieces[0].text} -> {pieces[1].text}"
        pieces = [pieces[0]._replace(text=text, end=pieces[1].end), *pieces[2:]]
        found = [both, *found[2:]]
    *_, last = pieces
    before = found[-2].holds if len(found) > 1 and found[-2] is not None else None
    if before is not None and not last.text and levels.same(before, last.curve):
        pieces, found = pieces[:-1], found[:-1]
    comments = [
        source.comment(piece.text or "the end holds", source.WIDTH - 12) for piece in pieces
    ]
    schedules = [
        own.code(module="optax.") if own is not None else _by_formula(shared, piece)
        for piece, own in zip(pieces, found, strict=True)
    ]
    width = source.WIDTH - len(source.INDENT)
    if len(schedules) == 1:
        return [*comments[0], *statement("schedule = ", schedules[0], width=width)]
    joined = call(
        "optax.join_schedules",
        listed(*map(commented, comments, schedules)),
        boundaries=listed(*(number(piece.end or 0) for piece in pieces[:-1])),
    )
    return statement("schedule = ", joined, width=width)


def _by_formula(shared: Definitions, piece: Piece) -> Code:
    """A function for one phase, of the steps since it began."""
    name = shared.free(f"_{piece.kind}_phase")
    takes_base = header.over_base([piece.curve])
    end = None if piece.end is None else piece.end - piece.begin
    local = piece._replace(begin=0, end=end, text="")
    lines = Arrays(shared, JAX, shared.base).returns([Track((local,))], "step", first=-LAST_TICK)
    says = source.docstring(f"The rate `step` steps into `{piece.text}`.", [])
    base = f", {shared.base}: float" if takes_base else ""
    head = f"def {name}(step: ArrayLike{base}) -> jax.Array:"
    shared.defined.append([head, *source.indented([*says, _AS_ARRAY, *lines])])
    return Text(f"lambda step: {name}(step, {shared.base})" if takes_base else name)
