"""The optax target: optax factories under `join_schedules`, or formulas if none matches."""

from __future__ import annotations

from schedlang.counterparts import optax
from schedlang.emit import header
from schedlang.emit.arrays import ArrayBody
from schedlang.emit.classes import WrittenLevels, in_order, written
from schedlang.emit.code import (
    Block,
    Code,
    call,
    code,
    docstring,
    function,
    infix,
    let,
    name,
    note,
    number,
    returns,
)
from schedlang.emit.file import File
from schedlang.emit.parts import outline, phases
from schedlang.emit.printing import JAX, LAST_INT32_TICK
from schedlang.program.program import Piece, Program, Repeat, Track

MOST_PHASES = 20
"""The most phases to join; a longer schedule becomes a single function."""


def emit(program: Program, function: str, style: str) -> File:
    """A module with ``learning_rate(step)``, which takes ``lr`` too if the base rate is unknown."""
    header.refuse_memory(program, "optax")
    header.epoch_of(program, "optax")  # rejects epochs of unknown length
    file = File(header.title(program), program.levels)
    define(file, program, function, style, header.explains(program, updates=True))
    return file


def define(file: File, program: Program, text: str, style: str, says: Block) -> None:
    """Write the function ``text(step)``, with a parameter for an unknown base rate."""
    per_epoch = header.epoch_of(program, "optax")
    clock = "epoch" if per_epoch else "step"
    count = call("jnp.asarray", "step")
    body = _native(file, program, clock) if style == "native" else None
    if per_epoch:
        before: Block = (let("epoch", infix(count, "//", number(per_epoch))),)
    else:
        before = (let("step", count),) if body is None else ()
    if body is None:
        body = ArrayBody(file, JAX, file.base).returns(program.tracks, clock)
    parameters = {"step": "ArrayLike"}
    if header.needs_base(program):
        parameters[file.base] = "float"
    file.define(function(text, parameters, "jax.Array", says, (*before, *body)))


def _native(file: File, program: Program, clock: str) -> Block | None:
    """Statements that return an optax schedule's value; None if a formula is just as good."""
    if len(program.tracks) > 1:
        return None
    track, count = program.tracks[0], code(clock)
    match outline(track):
        case (Repeat(begin=0, end=None, period=period, parts=parts),):
            track = Track(parts)
            count = infix(call("jnp.asarray", clock), "%", number(period))
    pieces = phases(track)
    if pieces is None or len(pieces) > MOST_PHASES:
        return None
    schedule = _schedule(file, WrittenLevels(program.base, file.base), pieces)
    called = call("jnp.asarray", call("schedule", count))
    return None if schedule is None else (*schedule, returns(called))


def _schedule(file: File, levels: WrittenLevels, pieces: list[Piece]) -> Block | None:
    """Statements that define ``schedule`` from consecutive phases."""
    found = optax.joined(pieces, levels)
    if found is None:
        return None
    joint, counterparts = found
    calls = (written(own, optax.DEFAULTS, levels.code, _function) for own in counterparts)
    schedules = [
        own.code() if own is not None else _by_formula(file, piece)
        for piece, own in zip(joint, calls, strict=True)
    ]
    if len(schedules) == 1:
        return (*note(joint[0].text), let("schedule", schedules[0]))
    children, boundaries = in_order(joint, schedules)
    joined = call("optax.join_schedules", children, boundaries=boundaries)
    return (let("schedule", joined),)


def _function(text: str) -> Code:
    return name(f"optax.{text}")


def _by_formula(file: File, piece: Piece) -> Code:
    """A function for one phase, over the steps since it began."""
    text = file.free(f"_{piece.kind}_phase")
    end = None if piece.end is None else piece.end - piece.begin
    local = Track((piece._replace(begin=0, end=end, text=""),))
    body = ArrayBody(file, JAX, file.base).returns([local], "step", first=-LAST_INT32_TICK)
    says = docstring(f"The rate `step` steps into `{piece.text}`.")
    parameters = {"step": "ArrayLike"}
    if not header.over_base([piece.curve]):
        found = name(text)
    else:
        parameters[file.base] = "float"
        called = call(text, "step", file.base)
        found = Code(("lambda step: ", called.doc), called.uses)
    before = let("step", call("jnp.asarray", "step"))
    file.define(function(text, parameters, "jax.Array", says, (before, *body)))
    return found
