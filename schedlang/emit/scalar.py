"""Functions of one tick in Python's own arithmetic: the phases of a track, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schedlang.emit import header
from schedlang.emit.code import (
    Block,
    Code,
    Statement,
    call,
    code,
    function,
    infix,
    let,
    names_in,
    note,
    number,
    returns,
    statement,
)
from schedlang.emit.file import RESERVED, File, local_name
from schedlang.emit.parts import heading, outline
from schedlang.emit.printing import PYTHON, Printer, ticks_since
from schedlang.emit.restarts import cycles_of, locate
from schedlang.emit.simple import (
    choice,
    outside,
    phase_formula,
    quantities_of,
    user_formula,
    without_skip,
)
from schedlang.formula.expressions import BASE, Expr, T, walk
from schedlang.formula.ranges import Range, measure, narrowed
from schedlang.program.program import Part, Piece, Track, pieces_of

LAST_TICK = 2**53


def define(
    file: File, tracks: Sequence[Track], text: str, says: Block, *, takes_base: bool
) -> None:
    """Write the function ``text(step)`` that multiplies the tracks, below one for each of them.

    It has a parameter for the base rate too where a formula depends on it.
    """

    def write(text: str, says: Block, body: Block, *, takes_base: bool) -> None:
        parameters = {"step": "int", **({file.base: "float"} if takes_base else {})}
        file.define(function(text, parameters, "float", says, body))

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
    """The statements that return the value at the tick ``step``: the levels, then the parts."""
    writer = _Body(file)
    known = _Names({BASE: code(file.base)}, file.ranges)
    return file.with_levels(
        writer.parts(parts, "step"), lambda level: writer.printer(level, known).real(level)
    )


@dataclass
class _Names:
    """How the parts of a formula are written where it stands, and what they can be."""

    codes: dict[Expr, Code]
    ranges: Mapping[str, Range]

    def where(self, condition: Expr, *, holds: bool) -> _Names:
        """The names where a condition holds, or does not."""
        return _Names(dict(self.codes), narrowed(condition, self.ranges, holds=holds))


@dataclass
class _Body:
    """The statements of one function.

    Attributes:
        file: what the functions of the file have in common.
        types: the types of the locals.
    """

    file: File
    types: dict[str, str] = field(default_factory=dict)

    def parts(self, parts: Sequence[Part], clock: str) -> Block:
        """The statements for parts one after the other, in ticks of a clock."""
        *before, last = parts
        found: list[Statement] = []
        for part in before:
            test = infix(clock, "<", number(part.end or 0))
            case = statement("if ", test, ":", self.part(part, clock))
            found.append(replace(case, comment=heading(part)))
        return (*found, *note(heading(last)), *self.part(last, clock))

    def part(self, part: Part, clock: str) -> Block:
        """The statements for one part."""
        if isinstance(part, Piece):
            return self.piece(part, clock)
        block = self.parts(part.parts, "tick")
        if "tick" not in names_in(block):
            return block
        return (
            let("tick", infix(ticks_since(clock, part.begin), "%", number(part.period))),
            *block,
        )

    def piece(self, piece: Piece, clock: str) -> Block:
        """The statements that return a piece's value, whose begin is a tick of the clock."""
        curve = piece.curve if piece.kind == "fn" else phase_formula(piece.curve)
        curve, skip = without_skip(curve, piece.facts.get("skip") or 0)
        last = LAST_TICK if piece.end is None else piece.end - 1 - piece.begin + skip
        ranges = {**self.file.ranges, T.name: Range(skip, last, whole=True)}
        since = ticks_since(clock, piece.begin - skip)
        codes: dict[Expr, Code] = {BASE: code(self.file.base), T: since}
        return self.value(curve, piece.facts, _Names(codes, ranges))

    def value(self, e: Expr, facts: Mapping[str, Any], names: _Names) -> Block:
        """The statements that return a formula's value."""
        e = user_formula(e)
        match choice(e):
            case condition, yes, no:
                block = self.let_t(list(walk(e)), names)
                test = self.printer(condition, names).code(condition)
                inside = self.value(yes, facts, names.where(condition, holds=True))
                other = self.value(no, facts, names.where(condition, holds=False))
                return (*block, statement("if ", test, ":", inside), *other)
        cycles = cycles_of(e, facts)
        wholes = (e, *(quantity.value for quantity in quantities_of(e)))
        parts = [part for whole in wholes for part in outside(whole)]
        block = self.let_t(parts if cycles is None else [T, T], names)
        if cycles is not None:
            printer = self.printer(e, names)
            block += locate(cycles, e, names.codes[T], LAST_TICK, printer, self.file)
        for quantity in quantities_of(e):
            if quantity not in names.codes:
                printer = self.printer(quantity.value, names)
                is_whole = printer.is_whole(quantity.value)
                local = self.local(quantity.name, "int" if is_whole else "float", names)
                block += (let(local, printer.real(quantity.value)),)
                names.codes[quantity] = code(local)
        return (*block, returns(self.printer(e, names).real(e)))

    def let_t(self, parts: Sequence[Expr], names: _Names) -> Block:
        """The statement that gives the ticks since the phase's begin a name, if they need one."""
        since = names.codes[T]
        if isinstance(since.doc, str) or parts.count(T) < 2:
            return ()
        names.codes[T] = code("t")
        return (let("t", since),)

    def printer(self, e: Expr, names: _Names) -> Printer:
        """What prints a formula."""
        guarded: set[Expr] = set()
        measure(e, names.ranges, guarded)
        return Printer(PYTHON, names.codes, guarded, lists=self.file.listed)

    def local(self, wanted: str, kind: str, names: _Names) -> str:
        """The name of a local of a type; one name has the same type in the whole function."""
        own = (one.flat for one in names.codes.values())
        others = (local for local, type_ in self.types.items() if type_ != kind)
        local = local_name(wanted, (*own, *others, *RESERVED, "reached"))
        self.types[local] = kind
        return local
