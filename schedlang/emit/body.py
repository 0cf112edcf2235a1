"""The parts common to all function bodies: a track's formulas and their locals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from schedlang.arrays.jumps import split
from schedlang.emit.code import Block, Code, code, let
from schedlang.emit.file import RESERVED, File, local_name
from schedlang.emit.printing import Printer, Spelling, counting
from schedlang.emit.restarts import cycles_of, locate
from schedlang.emit.simple import outside, quantities_of, user_formula, without_skip
from schedlang.formula.expressions import BASE, Expr, Lookup, Symbol, T
from schedlang.formula.intervals import Interval, interval_of
from schedlang.program.program import Part, Piece, Repeat

TICKS = Symbol("ticks")
"""A phase's ticks as integers; ``t`` is the same as floats."""


class Span(NamedTuple):
    """A piece, or part of one, with a single formula.

    Attributes:
        begin: its first tick.
        end: the tick after its last, if it ends.
        curve: its formula, in ticks since the origin.
        origin: the tick at which the formula's clock is 0.
        piece: the piece it belongs to.
    """

    begin: int
    end: int | None
    curve: Expr
    origin: int
    piece: Piece


def spans(parts: Sequence[Part], formula: Callable[[Piece], Expr]) -> Iterator[Span | Repeat]:
    """The parts, with pieces split where a condition in their formula changes."""
    for part in parts:
        if isinstance(part, Repeat):
            yield part
            continue
        length = None if part.end is None else part.end - part.begin
        found = split(formula(part), length, conditions_only=True)
        for decided, group in groupby(found, key=itemgetter(2)):
            (begin, end, _), *same = group
            end = same[-1][1] if same else end
            curve, skip = without_skip(user_formula(decided), part.arguments.get("skip", 0))
            after = None if end is None else part.begin + end
            yield Span(part.begin + begin, after, curve, part.begin - skip, part)


def heading(part: Span | Repeat) -> str:
    """The comment on a part: the phase, if it begins here, or the number of rounds."""
    if isinstance(part, Span):
        return part.piece.text if part.begin == part.piece.begin else ""
    rounds = "" if part.end is None else f"{(part.end - part.begin) // part.period} "
    return f"{rounds}rounds of {part.period}"


@dataclass
class Body:
    """The body of one function.

    Attributes:
        file: the file being written.
        spelling: how arithmetic is written.
        base: the code for an unknown base rate.
        taken: the names that locals must avoid.
        types: the types of the locals.
    """

    file: File
    spelling: Spelling
    base: str = "lr"
    taken: set[str] = field(default_factory=lambda: {*RESERVED, TICKS.name})
    types: dict[str, str] = field(default_factory=dict)

    def with_levels(self, block: Block) -> Block:
        """The statements, preceded by assignments of the levels they use."""
        return self.file.with_levels(block, lambda level: self._printer(level).real(level))

    def value(
        self, e: Expr, since: Code, piece: Piece, ticks: Interval | None = None
    ) -> tuple[Block, Code]:
        """The setup statements and the value of a piece's formula.

        Args:
            e: the formula.
            since: the ticks since its origin.
            piece: the piece.
            ticks: the range of those ticks, to find operations that may raise in Python.
        """
        cycles = cycles_of(e, piece.arguments)
        parts = list(_parts(e))
        floats, wholes = parts.count(T), parts.count(TICKS)
        are_one = self.spelling.real(since) == since
        uses = wholes + (floats if are_one else min(floats, 1))
        block: Block = ()
        if not isinstance(since.doc, str) and (uses > 1 or cycles is not None):
            local = T.name if are_one else TICKS.name
            block, since = (let(local, since),), code(local)
        printer = self._printer(e, ticks)
        names = printer.names
        names |= {T: since, TICKS: since}
        if floats > 1 and not are_one:
            block += (let(T.name, self.spelling.real(since)),)
            names[T] = code(T.name)
            printer.whole = {TICKS.name}
        if cycles is not None:
            block += locate(cycles, e, since, printer, self.file)

        def name(part: Expr, wanted: str, value: Code) -> None:
            nonlocal block
            is_whole = self.spelling.scalar and printer.is_whole(part)
            local = self._local(wanted, "int" if is_whole else "float", printer)
            block += (let(local, value),)
            names[part] = code(local)

        for part in _parts(e, names):
            if isinstance(part, Lookup) and counting(part.x, part.edges) not in {part, *names}:
                count = counting(part.x, part.edges)
                name(count, "reached", printer.code(count))
        for quantity in quantities_of(e):
            if quantity not in names:
                name(quantity, quantity.name, printer.real(quantity.value))
        return block, printer.real(e)

    def _local(self, wanted: str, kind: str, printer: Printer) -> str:
        """A name for a local; each name keeps one type throughout the function."""
        own = (one.flat for one in printer.names.values())
        others = (local for local, type_ in self.types.items() if type_ != kind)
        local = local_name(wanted, (*own, *others, *self.taken))
        self.types[local] = kind
        return local

    def _printer(self, e: Expr, ticks: Interval | None = None) -> Printer:
        """The printer for a formula."""
        guarded: set[Expr] = set()
        if self.spelling.scalar:
            known = {} if ticks is None else {T.name: ticks}
            interval_of(e, {**self.file.ranges, **known}, guarded)
        whole = {T.name, TICKS.name}
        return Printer(
            self.spelling, {BASE: code(self.base)}, guarded, whole, lists=self.file.listed
        )


def _parts(e: Expr, names: dict[Expr, Code] | None = None) -> Iterator[Expr]:
    """All parts of a formula and its quantities, except for quantities already named."""
    quantities = (one.value for one in quantities_of(e) if one not in (names or {}))
    for whole in (e, *quantities):
        yield from outside(whole)
