"""Functions of arrays of steps: each phase is computed, and the one that counts is selected."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

from schedlang.arrays.jumps import split
from schedlang.arrays.stable import TINY, stable, with_safe_roots
from schedlang.emit import source
from schedlang.emit.code import Code, Text, call, infix, names_of, statement, subscript
from schedlang.emit.definitions import Definitions, local_name
from schedlang.emit.parts import Formula, Table, heading, outline, with_tables
from schedlang.emit.printing import Printer, Spelling, counting, number, ticks_since
from schedlang.emit.restarts import Cycles, cycles_of
from schedlang.emit.simple import (
    computed,
    outside,
    phase_formula,
    quantities_of,
    simplified,
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
    Named,
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
NEAR = 0.01
"""A ramp whose lower level is at least this share of the other one loses two of seven digits."""
TICKS = Symbol("ticks")
"""The ticks of a phase as integers, where ``t`` are the same as floats."""


_RESERVED = {"step", "lr", "base", "self", "float", T.name, TICKS.name}


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
class Arrays:
    """The statements of one function.

    Attributes:
        shared: what the functions of the file have in common.
        spelling: how the library writes arithmetic.
        base: the base rate, where it is not known.
        width: the columns of a line.
    """

    shared: Definitions
    spelling: Spelling
    base: str = "lr"
    width: int = source.WIDTH - 4
    _statements: list[tuple[str, Code] | str] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _texts: set[str] = field(default_factory=set)

    def returns(
        self, tracks: Sequence[Track], counter: str, result: str = "rate", first: int = 0
    ) -> list[str]:
        """The statements that return the product of the tracks.

        Args:
            tracks: what is multiplied.
            counter: the name of what counts the ticks.
            result: the name of the value while it is computed.
            first: the first tick at which it is computed.
        """
        clock = TickRange(counter, first)
        factors = [f"factor_{i}" if len(tracks) > 2 else "factor" for i in range(1, len(tracks))]
        self._taken |= {*_RESERVED, counter, result, *factors, *self.spelling.imports}
        levels, *others = tracks
        product = self._chain(outline(levels), clock, result)
        if others:
            self._let(result, product)
            product = Text(result)
        for track, name in zip(others, factors, strict=True):
            self._let(name, self._chain(outline(track), clock, name))
            product = infix(product, "*", name)
        self._let("return", product)
        return self._lines()

    def _lines(self) -> list[str]:
        """The statements, below those for the levels that they use."""
        codes = [one[1] for one in self._statements if not isinstance(one, str)]
        used = {name for code in codes for name in names_of(code)}
        write = self._printer({}).real
        lines = self.shared.level_lines(
            used,
            lambda name, level: statement(f"{name} = ", write(level), width=self.width),
        )
        for one in self._statements:
            if isinstance(one, str):
                lines += source.comment(one, self.width)
            else:
                before = "return " if one[0] == "return" else f"{one[0]} = "
                lines += statement(before, one[1], width=self.width)
        return lines

    def _let(self, name: str, code: Code) -> None:
        if code != Text(name):
            self._statements.append((name, code))

    def _free(self, wanted: str) -> str:
        """A name that no statement of the function has."""
        name = local_name(wanted, self._taken)
        self._taken.add(name)
        return name

    # ---------------------------------------------------------------- phases after each other

    def _chain(self, parts: Sequence[Part], clock: TickRange, result: str) -> Code:
        """The value of parts, each of which counts from its begin on, after statements for it."""
        found: Code | None = None
        for part in self._spans(parts):
            if found is not None:
                self._let(result, found)
            if not isinstance(part, Span) or part.begin == part.piece.begin:
                text = heading(part.piece if isinstance(part, Span) else part)
                self._statements.append(text or ("the end holds" if found is not None else ""))
            match part:
                case Repeat():
                    here = self._repeat(part, clock, result if found is None else None)
                case Table():
                    here = self._table(part, clock, result if found is None else None)
                case Span() if found is None and all(map(hangs_on_base, symbols(part.curve))):
                    # A value that never changes has to be an array too.
                    here = self.spelling.full(Text(clock.name), self._span(part, clock))
                case Span():
                    here = self._span(part, clock)
            if found is not None:
                before = infix(clock.name, "<", number(part.begin))
                here = self._call("where", before, result, here)
            found = here
        assert found is not None
        return found

    def _spans(self, parts: Sequence[Part]) -> Iterator[Span | Repeat | Table]:
        """The parts, pieces split where a condition of their formula changes."""
        for part in with_tables(parts, lambda e: self._stable(simplified(e))):
            if not isinstance(part, Piece):
                yield part
                continue
            length = None if part.end is None else part.end - part.begin
            if part.kind == "fn":
                curve = user_formula(computed(part.curve))
            else:
                curve = self._stable(phase_formula(part.curve))
            for begin, end, own_curve in split(curve, length, conditions_only=True):
                after = None if end is None else part.begin + end
                yield Span(part.begin + begin, after, own_curve, part)

    def _stable(self, e: Expr) -> Expr:
        return stable(e, self._sizes, NEAR)

    @cached_property
    def _sizes(self) -> dict[str, float]:
        """The base rate and the levels, for a base rate of 1."""
        sizes = {BASE.name: 1.0}
        for i, level in enumerate(self.shared.levels):
            sizes[f"{LEVEL}{i}"] = value(level, sizes)
        return sizes

    def _repeat(self, repeat: Repeat, clock: TickRange, result: str | None) -> Code:
        """The value of a round, after statements for it."""
        tick = self._free("tick")
        at = len(self._statements)
        inner = result or self._free("in_round")
        last = self._chain(repeat.parts, TickRange(tick, last=repeat.period - 1), inner)
        codes = [one[1] for one in self._statements[at:] if not isinstance(one, str)]
        if any(tick in names_of(code) for code in (*codes, last)):
            since = ticks_since(clock.name, repeat.begin)
            self._statements.insert(at, (tick, infix(since, "%", number(repeat.period))))
        if result is not None or len(repeat.parts) == 1:
            return last
        self._let(inner, last)
        return Text(inner)

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
        moved = _moved(curve, clock.name, origin) if (low, high) == (far_low, far_high) else {}
        match low > far_low, high < far_high:
            case True, True:
                since = self._call("clip", since, number(low), number(high))
            case True, False:
                since = self._call("max", since, number(low))
            case False, True:
                since = self._call("min", since, number(high))
        return self._of_ticks(curve, since, moved, span.piece.facts, high)

    def _ranges(self, low: float, high: float) -> dict[str, Range]:
        """What the levels of a base rate up to 1 can be, and the ticks of a phase."""
        levels = {name: Range(0.0, size) for name, size in self._sizes.items()}
        return {**levels, T.name: Range(low, high, whole=True)}

    def _of_ticks(
        self,
        e: Expr,
        since: Code,
        moved: dict[Expr, Code],
        facts: Mapping[str, Any],
        last: float,
    ) -> Code:
        """The value of a formula over the ticks of a phase, after statements for both.

        Args:
            e: the formula.
            since: the ticks of the phase.
            moved: sums of these and a number, in terms of what counts the steps.
            facts: the numbers of the phase.
            last: the last of its ticks.
        """
        self._explain(e)
        e = _counted(e, last)
        cycles = cycles_of(e, facts)
        parts = list(_parts(e))
        floats, wholes = parts.count(T), parts.count(TICKS)
        if not isinstance(since, Text) and (wholes + (floats > 1) > 1 or cycles is not None):
            self._let(TICKS.name, since)
            since = Text(TICKS.name)
        printer = self._printer({T: since, TICKS: since, **(moved if floats == 1 else {})})
        if floats > 1:
            self._let(T.name, self._floats(since))
            printer.names[T] = Text(T.name)
            printer.whole = {TICKS.name}
        if cycles is not None:
            self._cycle(cycles, e, since, printer)
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
                code = printer.real(quantity.value)
                names[quantity] = self._local(quantity.name, code, names)
        return printer.real(e)

    def _explain(self, e: Expr) -> None:
        """Comments on what a reader may ask about a formula, each once in a function."""
        texts = dict.fromkeys(text for text in _explained(e) if text not in self._texts)
        self._statements += texts
        self._texts |= texts.keys()

    def _cycle(self, cycles: Cycles, e: Expr, ticks: Code, printer: Printer) -> None:
        """The statements that find a cycle in a list of all that 32 bits can reach."""
        begins = edges = self.shared.named(Text(cycles.begins(LAST_TICK)), "_BEGINS")
        if not cycles.whole:
            edges = self.shared.named(Text(cycles.edges(LAST_TICK)), "_EDGES")
        mult = infix(number(float(cycles.mult), whole=False), "**", "cycle")
        self._let("reached", infix(self.spelling.index(edges, ticks), "-", "1"))
        self._let("cycle", self._floats(Text("reached")))
        self._let("begin", self.spelling.take(begins, Text("reached")))
        self._let("length", infix(number(float(cycles.first)), "*", mult))
        if cycles.whole:
            printer.whole = {*printer.whole, "begin"}
        for part in walk(e):
            if isinstance(part, Named) and part.name in {"begin", "length", "cycle"}:
                printer.names[part] = Text(part.name)

    # ---------------------------------------------------------------- many phases

    def _table(self, table: Table, clock: TickRange, result: str | None) -> Code:
        """The value of the phase of a step, whose row is looked up, after statements for it."""
        spelling, inner = self.spelling, result or self._free("of_table")
        formulas, begins, numbers = self._rows(table)
        tick = Text(clock.name)
        if table.begin > clock.first or table.end is not None:
            last = clock.last if table.end is None else table.end
            clipped = self._call("clip", tick, number(table.begin), number(last))
            tick = Text(self._free("inside"))
            self._let(tick.text, clipped)
        self._let("phase", infix(spelling.index(begins, tick), "-", "1"))
        since = infix(tick, "-", spelling.take(begins, Text("phase")))
        self._let(T.name, self._floats(since))
        self._let("row", spelling.rows(numbers, Text("phase")))
        for i, column in enumerate(("formula", *table.columns)):
            self._let(column, subscript("row", "...", number(i)))
        last_value: Code | None = None
        for formula, name in formulas.items():
            if last_value is not None:
                self._let(inner, last_value)
            self._statements.append(formula.pieces[0].kind)
            printer = self._printer({T: Text(T.name)}, whole=())
            curve = with_safe_roots(formula.curve, lambda _: True)
            self._explain(curve)
            value = self._value(curve, printer)
            if last_value is not None:
                value = self._call("where", infix("formula", "==", name), value, Text(inner))
            last_value = value
        assert last_value is not None
        if result is not None:
            return last_value
        self._let(inner, last_value)
        return Text(inner)

    def _rows(self, table: Table) -> tuple[dict[Formula, str], Code, Code]:
        """The names of the formulas of a table, of its first steps, and of its rows of numbers."""
        names = {one: self.shared.free(f"_{one.pieces[0].kind.upper()}") for one in table.formulas}
        phases, begins, numbers = map(self.shared.free, ("_PHASES", "_FIRST_STEPS", "_NUMBERS"))
        rows: list[str] = []
        for piece, formula, own_numbers in table.rows():
            columns = {name: own_numbers.get(name, 1.0) for name in table.columns}
            items = [source.integer(piece.begin), names[formula], *source.numbers(columns)]
            rows += source.row(items, piece.text or "the end holds")
        self.shared.tables += [
            *(f"{name} = {i}" for i, name in enumerate(names.values())),
            "",
            "# Each phase: its first step, its formula, and the numbers in it.",
            f"{phases} = [",
            *source.indented(rows),
            "]",
            f"{begins} = [row[0] for row in {phases}]",
            f"{numbers} = [row[1:] for row in {phases}]",
        ]
        return names, Text(begins), Text(numbers)

    # ---------------------------------------------------------------- code

    def _call(self, op: str, *arguments: Code | str) -> Code:
        return call(self.spelling.functions[op], *arguments)

    def _floats(self, x: Code) -> Code:
        return x if self.spelling.real is None else self.spelling.real(x)

    def _printer(
        self, names: dict[Expr, Code], whole: Collection[str] = (T.name, TICKS.name)
    ) -> Printer:
        names = {BASE: Text(self.base), **names}
        return Printer(self.spelling, names, whole=whole, lists=self.shared.listed)

    def _local(self, wanted: str, code: Code, names: Mapping[Expr, Code]) -> Code:
        """A local for a quantity of a formula; the next formula may have one of that name."""
        own = (one.text for one in names.values() if isinstance(one, Text))
        name = local_name(wanted, (*self._taken, *own))
        self._let(name, code)
        return Text(name)


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


def _moved(e: Expr, clock: str, origin: int) -> dict[Expr, Code]:
    """Sums of the phase's ticks and a number, in terms of the clock."""
    found: dict[Expr, Code] = {}
    for part in walk(e):
        match part:
            case Apply("sub", (Number(n), x)) if x == T and n == int(n):
                found[part] = infix(number(n + origin), "-", clock)
            case Apply("sub", (x, Number(n))) if x == T and n == int(n):
                found[part] = ticks_since(clock, origin + int(n))
    return found


def _explained(e: Expr) -> Iterator[str]:
    """What a reader may ask about the formula."""
    digits = "with all its digits near 0"
    for part in walk(e):
        match part:
            case Apply("pow", (Apply("cos" | "sin" as op, _), Number(2.0))):
                yield f"{op}(x / 2)**2 is (1 {'+' if op == 'cos' else '-'} cos(x)) / 2, {digits}"
            case Apply("max", (_, Number(least))) if least == TINY:
                yield f"of at least {TINY:g}, because the slope of a root is infinite at 0"
            case Apply("div", (_, Apply("add", (Number(1.0), Apply("sqrt", (x,)))))):
                name = next((inner.name for inner in walk(x) if isinstance(inner, Named)), "x")
                yield f"(1 - {name}) / (1 + sqrt({name})) is 1 - sqrt({name}), {digits}"
            case Apply("mul", (Named(x), Apply("add", (Number(1.0), Named(y))))):
                yield f"{x} * (1 + {y}) is 1 - {y}**2, {digits}"
