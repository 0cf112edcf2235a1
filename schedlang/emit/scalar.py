"""Functions of one tick in plain Python arithmetic: a track's phases in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schedlang.emit import header
from schedlang.emit.body import Body, Span, heading, spans
from schedlang.emit.code import (
    Block,
    Statement,
    call,
    code,
    function,
    infix,
    let,
    note,
    number,
    returns,
    statement,
)
from schedlang.emit.file import File
from schedlang.emit.parts import factors, outline
from schedlang.emit.printing import PYTHON, ticks_since
from schedlang.emit.simple import phase_formula
from schedlang.formula.expressions import Expr
from schedlang.formula.intervals import Interval
from schedlang.program.program import Part, Piece, Repeat, Track, pieces_of


def define(
    file: File, tracks: Sequence[Track], text: str, says: Block, *, takes_base: bool
) -> None:
    """Write the function ``text(step)`` that multiplies the tracks, after one per track if several.

    With ``takes_base``, it also has a parameter for the base rate.
    """

    def write(text: str, says: Block, body: Block, *, takes_base: bool) -> None:
        parameters = {"step": "int", **({file.base: "float"} if takes_base else {})}
        file.define(function(text, parameters, "float", says, body))

    tracks = factors(tracks)
    if len(tracks) == 1:
        write(text, says, body(file, outline(tracks[0])), takes_base=takes_base)
        return
    product = code("")
    for i, track in enumerate(tracks):
        wanted = "_rate" if i == 0 else "_factor" if len(tracks) == 2 else f"_factor_{i}"
        factor = file.free(wanted)
        takes = header.over_base(piece.curve for piece in pieces_of(track.parts))
        write(factor, (), body(file, outline(track)), takes_base=takes)
        value = call(factor, *(["step", file.base] if takes else ["step"]))
        product = infix(product, "*", value) if i else value
    write(text, says, (returns(product),), takes_base=takes_base)


def body(file: File, parts: Sequence[Part]) -> Block:
    """The statements that return the value at ``step``: the levels, then the parts."""
    writer = Body(file, PYTHON, file.base)
    return writer.with_levels(_returned(writer, parts, "step"))


def _returned(writer: Body, parts: Sequence[Part], clock: str) -> Block:
    """The statements that return the value of consecutive parts at a clock's tick."""
    *before, last = spans(parts, _formula)
    found: list[Statement] = []
    for part in before:
        test = infix(clock, "<", number(part.end or 0))
        case = statement("if ", test, ":", _part(writer, part, clock))
        found.append(replace(case, comment=heading(part)))
    return (*found, *note(heading(last)), *_part(writer, last, clock))


def _formula(piece: Piece) -> Expr:
    return piece.curve if piece.kind == "fn" else phase_formula(piece.curve)


def _part(writer: Body, part: Span | Repeat, clock: str) -> Block:
    if isinstance(part, Repeat):
        tick = infix(ticks_since(clock, part.begin), "%", number(part.period))
        return (let("tick", tick), *_returned(writer, part.parts, "tick"))
    last = PYTHON.last_tick if part.end is None else part.end - 1 - part.origin
    ticks = Interval(part.begin - part.origin, last, whole=True)
    since = ticks_since(clock, part.origin)
    block, value = writer.value(part.curve, since, part.piece, ticks)
    return (*block, returns(value))
