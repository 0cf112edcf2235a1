"""Functions of arrays of steps: each phase is computed, and the one that counts is selected."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

from schedlang.arrays.jumps import split
from schedlang.arrays.stable import NEAR, TINY, stable, with_safe_roots
from schedlang.emit.code import (
    Block,
    Code,
    Statement,
    call,
    code,
    infix,
    let,
    names_in,
    note,
    number,
    returns,
)
from schedlang.emit.file import RESERVED, File, local_name
from schedlang.emit.parts import heading, outline
from schedlang.emit.printing import Printer, Spelling, counting, ticks_since
from schedlang.emit.restarts import cycles_of, locate
from schedlang.emit.simple import (
    computed,
    outside,
    phase_formula,
    quantities_of,
    user_formula,
    without_skip,
)
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    LEVEL,
    Apply,
    Expr,
    Lookup,
    Number,
    Operation,
    Symbol,
    T,
    hangs_on_base,
    rebuild,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.ranges import Range, measure, stays_finite
from schedlang.program.program import Part, Piece, Repeat, Track

LAST_TICK = 2**31 - 1
"""Steps are 32-bit integers here; an edge beyond them is never reached."""
TICKS = Symbol("ticks")
"""The ticks of a phase as integers, where ``t`` are the same as floats."""


class TickRange(NamedTuple):
    """The name of what counts the ticks, and the first and the last of them."""

    name: str
    first: int = 0
    last: int = LAST_TICK


class Span(NamedTuple):
    """A piece, or a part of one, with one formula.

    Attributes:
        begin: its first tick.
        end: the tick after its last one, if there is one.
        curve: its formula, over the ticks since the piece's begin.
        piece: the piece.
    """

    begin: int
    end: int | None
    curve: Expr
    piece: Piece


@dataclass
class ArrayBody:
    """The statements of one function.

    Attributes:
        file: what the functions of the file have in common.
        spelling: how the library writes arithmetic.
        base: the base rate, where it is not known.
    """

    file: File
    spelling: Spelling
    base: str = "lr"
    _statements: list[Statement] = field(default_factory=list)
    _taken: set[str] = field(default_factory=lambda: {*RESERVED, TICKS.name} - {"tick"})

    def returns(
        self, tracks: Sequence[Track], counter: str, result: str = "rate", first: int = 0
    ) -> Block:
        """The statements that return the product of the tracks.

        Args:
            tracks: what is multiplied.
            counter: the name of what counts the ticks.
            result: the name of the value while it is computed.
            first: the first tick at which it is computed.
        """
        clock = TickRange(counter, first)
        factors = [f"factor_{i}" if len(tracks) > 2 else "factor" for i in range(1, len(tracks))]
        self._taken |= {counter, result, *factors}
        levels, *others = tracks
        product = self._chain(outline(levels), clock, result)
        if others:
            self._let(result, product)
            product = code(result)
        for track, factor in zip(others, factors, strict=True):
            self._let(factor, self._chain(outline(track), clock, factor))
            product = infix(product, "*", factor)
        block = (*self._statements, returns(product))
        return self.file.with_levels(block, self._printer({}).real)

    def _let(self, local: str, value: Code) -> None:
        if value != code(local):
            self._statements.append(let(local, value))

    def _free(self, wanted: str) -> str:
        """A name that no statement of the function has."""
        found = local_name(wanted, self._taken)
        self._taken.add(found)
        return found

    # ---------------------------------------------------------------- phases after each other

    def _chain(self, parts: Sequence[Part], clock: TickRange, result: str) -> Code:
        """The value of parts, each of which counts from its begin on, after statements for it."""
        found: Code | None = None
        for part in self._spans(parts):
            if found is not None:
                self._let(result, found)
            match part:
                case Repeat():
                    self._note(heading(part))
                    here = self._repeat(part, clock, result if found is None else None)
                case Span():
                    if part.begin == part.piece.begin:
                        held = "" if found is None else "the end holds"
                        self._note(heading(part.piece) or held)
                    here = self._span(part, clock)
                    if found is None and all(map(hangs_on_base, symbols(part.curve))):
                        # A value that never changes has to be an array too.
                        here = self.spelling.full(code(clock.name), here)
            if found is not None:
                before = infix(clock.name, "<", number(part.begin))
                here = self._call("where", before, result, here)
            found = here
        assert found is not None
        return found

    def _note(self, text: str) -> None:
        self._statements += note(text)

    def _spans(self, parts: Sequence[Part]) -> Iterator[Span | Repeat]:
        """The parts, pieces split where a condition of their formula changes."""
        for part in parts:
            if not isinstance(part, Piece):
                yield part
                continue
            length = None if part.end is None else part.end - part.begin
            if part.kind == "fn":
                curve = user_formula(computed(part.curve))
            else:
                curve = stable(phase_formula(part.curve), self._sizes, NEAR)
            for begin, end, own_curve in split(curve, length, conditions_only=True):
                after = None if end is None else part.begin + end
                yield Span(part.begin + begin, after, own_curve, part)

    @cached_property
    def _sizes(self) -> dict[str, float]:
        """The base rate and the levels, for a base rate of 1."""
        sizes = {BASE.name: 1.0}
        for i, level in enumerate(self.file.levels):
            sizes[f"{LEVEL}{i}"] = value(level, sizes)
        return sizes

    def _repeat(self, repeat: Repeat, clock: TickRange, result: str | None) -> Code:
        """The value of a round, after statements for it."""
        tick = self._free("tick")
        at = len(self._statements)
        inner = result or self._free("in_round")
        last = self._chain(repeat.parts, TickRange(tick, last=repeat.period - 1), inner)
        if tick in names_in((*self._statements[at:], returns(last))):
            since = ticks_since(clock.name, repeat.begin)
            self._statements.insert(at, let(tick, infix(since, "%", number(repeat.period))))
        return last if result is not None or len(repeat.parts) == 1 else self._named(inner, last)

    def _named(self, local: str, value: Code) -> Code:
        self._let(local, value)
        return code(local)

    # ---------------------------------------------------------------- one formula

    def _span(self, span: Span, clock: TickRange) -> Code:
        """The value of a formula, after statements for its quantities."""
        curve, skip = without_skip(span.curve, span.piece.facts.get("skip") or 0)
        origin = span.piece.begin - skip
        low, far_low, far_high = span.begin - origin, clock.first - origin, clock.last - origin
        high = far_high if span.end is None else span.end - origin
        near = self._ranges(low, high)
        curve = with_safe_roots(curve, lambda x: measure(x, near, set()).low < TINY)
        # Where a phase does not count it is computed too, and must be finite there.
        known = span.piece.kind != "fn"
        times = max(map(_multiplied, walk(curve)))
        if known and stays_finite(curve, self._ranges(far_low, high)):
            low = far_low
        fits = span.end is None or far_high * times <= LAST_TICK
        if known and fits and stays_finite(curve, self._ranges(low, far_high)):
            high = far_high
        since = ticks_since(clock.name, origin)
        match low > far_low, high < far_high:
            case True, True:
                since = self._call("clip", since, number(low), number(high))
            case True, False:
                since = self._call("max", since, number(low))
            case False, True:
                since = self._call("min", since, number(high))
        return self._of_ticks(curve, since, span.piece.facts, high)

    def _ranges(self, low: float, high: float) -> dict[str, Range]:
        """What the levels of a base rate up to 1 can be, and the ticks of a phase."""
        levels = {symbol: Range(0.0, size) for symbol, size in self._sizes.items()}
        return {**levels, T.name: Range(low, high, whole=True)}

    def _of_ticks(self, e: Expr, since: Code, facts: Mapping[str, Any], last: float) -> Code:
        """The value of a formula over the ticks of a phase, after statements for both.

        Args:
            e: the formula.
            since: the ticks of the phase.
            facts: the numbers of the phase.
            last: the last of its ticks.
        """
        e = _counted(e, last)
        cycles = cycles_of(e, facts)
        parts = list(_parts(e))
        floats, wholes = parts.count(T), parts.count(TICKS)
        is_name = isinstance(since.doc, str)
        if not is_name and (wholes + (floats > 1) > 1 or cycles is not None):
            since = self._named(TICKS.name, since)
        printer = self._printer({T: since, TICKS: since})
        if floats > 1:
            printer.names[T] = self._named(T.name, self.spelling.real(since))
            printer.whole = {TICKS.name}
        if cycles is not None:
            self._statements += locate(cycles, e, since, LAST_TICK, printer, self.file)
        return self._value(e, printer)

    def _value(self, e: Expr, printer: Printer) -> Code:
        """The value of a formula, after statements for its quantities."""
        names = printer.names
        for part in _parts(e, names):
            if isinstance(part, Lookup) and counting(part.x, part.edges) not in {part, *names}:
                count = counting(part.x, part.edges)
                names[count] = self._local("reached", printer.code(count), names)
        for quantity in quantities_of(e):
            if quantity not in names:
                names[quantity] = self._local(quantity.name, printer.real(quantity.value), names)
        return printer.real(e)

    def _local(self, wanted: str, value: Code, names: Mapping[Expr, Code]) -> Code:
        """A local for a quantity of a formula; the next formula may have one of that name."""
        own = (one.flat for one in names.values())
        return self._named(local_name(wanted, (*self._taken, *own)), value)

    # ---------------------------------------------------------------- code

    def _call(self, op: str, *arguments: Code | str) -> Code:
        return call(self.spelling.functions[op], *arguments)

    def _printer(self, names: dict[Expr, Code]) -> Printer:
        whole = {T.name, TICKS.name}
        names = {BASE: code(self.base), **names}
        return Printer(self.spelling, names, whole=whole, lists=self.file.listed)


def _parts(e: Expr, names: Container[Expr] = ()) -> list[Expr]:
    """All parts of a formula and of its quantities, but for those that have names already."""
    quantities = (one.value for one in quantities_of(e) if one not in names)
    return [part for whole in (e, *quantities) for part in outside(whole)]


def _counted(e: Expr, last: float) -> Expr:
    """The formula with `TICKS` where it counts in integers, which floats could not do exactly."""
    match e:
        case Lookup(x, edges, values):
            reached = sum(edge <= LAST_TICK for edge in edges)
            whole = tuple(float(ceil(edge)) for edge in edges[:reached])
            return Lookup(substitute(x, {T.name: TICKS}), whole, values[: reached + 1])
        case Apply("floordiv" | "mod" as op, (Apply("mul", (x, Number(n))), Number(m))) if (
            last * n > LAST_TICK
        ):
            return _in_32_bits(op, substitute(x, {T.name: TICKS}), n, m)
        case Apply("floordiv" | "mod", (x, Number())):
            return substitute(e, {T.name: TICKS})
    return rebuild(e, lambda part: _counted(part, last))


def _multiplied(e: Expr) -> float:
    """What the ticks are multiplied by where they are counted in integers."""
    match e:
        case Apply("floordiv" | "mod", (Apply("mul", (_, Number(n))), Number())):
            return n
    return 1.0


def _in_32_bits(op: Operation, x: Expr, n: float, m: float) -> Expr:
    """``x·n`` over ``m``: the whole quotient or the rest, without a product beyond 32 bits.

    Raises:
        ValueError: if ``m·n`` is beyond 32 bits.
    """
    if m * n > LAST_TICK:
        raise ValueError(
            f"a period of {m:.0f}/{n:.0f} steps cannot be counted in integers of 32 bits: round "
            "it, or emit torch or python instead"
        )
    periods, over = Number(n), Number(m)
    rest = Apply("mul", (Apply("mod", (x, over)), periods))
    if op == "mod":
        return Apply("mod", (rest, over))
    whole = Apply("mul", (Apply("floordiv", (x, over)), periods))
    return Apply("add", (whole, Apply("floordiv", (rest, over))))
