"""Closed forms over whole arrays of steps: no branches, every phase computed and one selected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from schedlang.emit import source
from schedlang.emit.conditioned import TINY, curve_of, prepared, rooted
from schedlang.emit.dialects import JAX, Dialect
from schedlang.emit.outline import Part, Rounds, outline
from schedlang.emit.quantities import (
    is_quotient,
    is_remainder,
    named,
    replaced,
    side_of,
    skipping,
    ticks_of,
)
from schedlang.emit.restarts import Growing, growing
from schedlang.emit.spelling import Lists, is_count, negated, number, power
from schedlang.emit.tabled import Stretch, Table, tabled
from schedlang.formula.expressions import (
    BASE,
    Apply,
    Expr,
    Lookup,
    Number,
    Symbol,
    T,
    rebuild,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.notation import ATOM, CHOICE, Write, infix
from schedlang.program.program import Piece, Track

TICKS = Symbol("ticks")
ASSIGNED = len("in_round_10 = ")
LAST_TICK = 2**31 - 1
"""Steps are 32-bit integers here; an edge beyond them is never reached."""


_LOGIC = {"and": "logical_and", "or": "logical_or", "not": "logical_not"}


@dataclass
class Arrays:
    """Statements that compute a schedule on arrays, in one function."""

    dialect: Dialect
    width: int
    base: str = "lr"
    lines: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    lists: Lists = field(default_factory=Lists)
    indices: dict[tuple[Expr, tuple[float, ...]], str] = field(default_factory=dict)
    explained: set[str] = field(default_factory=set)

    def returns(self, tracks: Sequence[Track], clock: str) -> list[str]:
        """Statements that return the product of the tracks at ``clock``."""
        names = [
            "rate",
            *(f"factor_{i}" if len(tracks) > 2 else "factor" for i in range(1, len(tracks))),
        ]
        self.taken |= {clock, "step", "lr", "t", "ticks", "p", *names}
        for track, name in zip(tracks, names, strict=True):
            self.chain(outline(track), clock, name)
        if len(names) > 1:
            return [*self.lines, *source.product(names, self.width)]
        *before, last = self.lines
        return [*before, f"return {last.removeprefix('rate = ')}"]

    def chain(self, parts: Sequence[Part], clock: str, result: str) -> None:
        """Phase after phase, each from its begin on in the place of those before."""
        for i, part in enumerate(tabled(parts, prepared)):
            says = self.says(part) or ("the end holds" if i else "")
            self.lines += source.comment(says, self.width) if says else []
            if isinstance(part, Rounds):
                inner = self.free("in_round") if i else result
                text = self.rounds(part, clock, inner)
                if not i:
                    continue
            elif isinstance(part, Table):
                inner = self.free("of_table") if i else result
                text = self.table(part, clock, inner)
                if not i:
                    continue
            else:
                text = self.piece(part, clock)
            if i:
                text = self.where(f"{clock} < {source.integer(part.begin)}", result, text, result)
            elif isinstance(part, Piece) and T.name not in symbols(curve_of(part)):
                if len(f"{result} = {self.dialect.full(clock, text)}") > self.width:
                    self.lines.append(f"value = {text}")
                    text = "value"
                text = self.dialect.full(clock, text)
            self.lines.append(f"{result} = {text}")

    def where(self, condition: str, yes: str, no: str, result: str) -> str:
        """A choice that fits on a line once it is assigned; the new value may get a name first."""
        text = f"{self.dialect.module}.where({condition}, {yes}, {no})"
        if len(f"{result} = {text}") <= self.width:
            return text
        name = "later" if no != result else "value"
        new = yes if no == result else no
        self.lines.append(f"{name} = {new}")
        yes, no = (name, no) if no == result else (yes, name)
        return f"{self.dialect.module}.where({condition}, {yes}, {no})"

    def says(self, part: Stretch) -> str:
        """The comment above a part."""
        if isinstance(part, Table):
            return f"{len(part.rows)} phases, each a row"
        if isinstance(part, Rounds):
            rounds = "" if part.end is None else f"{(part.end - part.begin) // part.period} "
            return f"{rounds}rounds of {part.period} steps"
        return part.text

    def rounds(self, part: Rounds, clock: str, result: str) -> str:
        """Statements for what a round computes, in terms of the tick in it."""
        tick = self.free("tick")
        since = f"({clock} - {source.integer(part.begin)})" if part.begin else clock
        at = len(self.lines)
        self.chain(part.parts, tick, result)
        if any(re.search(rf"\b{tick}\b", line) for line in self.lines[at:]):
            period = source.integer(part.period)
            self.lines.insert(at, f"{tick} = {since} % {period}")
        return result

    def table(self, table: Table, clock: str, result: str) -> str:
        """Statements that find the row of a step, and compute each formula once."""
        names, begins, numbers = self.lists.table(table)
        self.taken |= {"phase", "row", "formula", *table.columns}
        tick = clock
        if table.end is not None:
            tick = self.free("inside")
            self.lines.append(f"{tick} = {self.clipped(clock, 0, table.begin, table.end)}")
        since = f"({tick} - {self.dialect.take(begins, 'phase')})"
        self.lines += [
            f"phase = {self.dialect.index(begins, tick)} - 1",
            f"t = {self.dialect.real(since)}",
            f"row = {self.dialect.rows(numbers, 'phase')}",
        ]
        columns = f"formula, {', '.join(table.columns)}".split(", ")
        unpacked = f"{', '.join(columns)} = (row[..., i] for i in range({len(columns)}))"
        if len(unpacked) <= self.width:
            self.lines.append(unpacked)
        else:
            self.lines += [f"{name} = row[..., {i}]" for i, name in enumerate(columns)]
        for i, formula in enumerate(table.formulas):
            spelled = {"base": self.base}
            self.lines += source.comment(formula.kind, self.width)
            may_vanish = formula.kind in {"sqrt", "poly"}
            curve = rooted(formula.curve, lambda _: True) if may_vanish else formula.curve
            self.explain(curve)
            quantities = named(curve, formula.ticks)
            for name, part in quantities.defined:
                self.lines.append(f"{name} = {self.text(self.fitted(part, spelled), spelled)}")
            text = self.text(self.fitted(quantities.result, spelled), spelled)
            if i:
                text = self.where(f"formula == {names[formula]}", text, result, result)
            self.lines.append(f"{result} = {text}")
        return result

    def piece(self, piece: Piece, clock: str) -> str:
        """The text of a phase's value, after statements for its quantities."""
        self.indices.clear()
        curve = curve_of(piece)
        self.explain(curve)
        curve, skip = skipping(curve)
        last = None if piece.end is None else piece.end - piece.begin + skip
        ticks = self.clipped(clock, piece.begin - skip, skip, last)
        cycles = growing(curve, piece.facts)
        spelled = {"base": self.base}
        if cycles is not None:
            self.growing(cycles, ticks)
            curve = cycles.rest
        quantities = named(curve, ticks_of(piece), counting=True)
        defined = [(name, self.counted(part)) for name, part in quantities.defined]
        result = self.counted(quantities.result)
        self.name_ticks([*(part for _, part in defined), result], ticks, spelled)
        for name, part in defined:
            self.name_indices(part, spelled)
            exact = is_remainder(part) is not None or _is_quotient(part)
            short = part if exact else self.fitted(part, spelled)
            self.lines.append(f"{name} = {self.quantity(short, spelled)}")
        self.name_indices(result, spelled)
        return self.text(self.fitted(result, spelled), spelled)

    def explain(self, curve: Expr) -> None:
        """Say once why there is a square where one expects a wave, and why a root has a minimum."""
        for part in walk(curve):
            match part:
                case Apply("pow", (Apply("cos" | "sin" as op, _), Number(2.0))):
                    sign = "+" if op == "cos" else "-"
                    says = f"# {op}(x / 2)**2 is (1 {sign} cos(x)) / 2, with all its digits near 0"
                case Apply("max", (_, Number(number))) if number == TINY:
                    says = "# of at least 1e-37, because the slope of a root is infinite at 0"
                case _:
                    continue
            self.lines += [] if says in self.explained else [says]
            self.explained.add(says)

    def fitted(self, e: Expr, spelled: dict[str, str]) -> Expr:
        """The formula such that it fits on a line, after statements for parts of it."""
        while len(self.text(e, spelled)) + ASSIGNED > self.width:
            if self.name_indices(e, spelled, least=1):
                continue
            part = self.largest(e, spelled)
            if part is None:
                break
            name = self.free("share" if e == BASE * part else side_of(e, part) or "part")
            self.lines.append(f"{name} = {self.text(part, spelled)}")
            spelled[name] = name
            e = replaced(e, part, Symbol(name))
        return e

    def growing(self, cycles: Growing, ticks: str) -> None:
        """Find the cycle in a list of all that 32 bits can reach."""
        begins = edges = self.lists.name(cycles.begins(LAST_TICK), "_BEGINS")
        if not cycles.whole:
            edges = self.lists.name(cycles.edges(LAST_TICK), "_EDGES")
        if not re.fullmatch(r"\w+", ticks):
            self.lines.append(f"ticks = {ticks}")
            ticks = "ticks"
        first = source.number(float(cycles.first), whole=True)
        length = f"({first} * {source.number(float(cycles.mult))}**cycle)"
        begin = self.dialect.take(begins, "reached")
        since = f"{self.dialect.real(ticks)} - {begin}"
        if cycles.whole:
            since = self.dialect.real(f"({ticks} - {begin})")
        self.lines += [
            f"reached = {self.dialect.index(edges, ticks)} - 1",
            f"cycle = {self.dialect.real('reached')}",
            f"since = {since}",
            f"p = since / {length}",
        ]

    def counted(self, e: Expr) -> Expr:
        """The formula with whole ticks where it counts, which floats could not do exactly."""
        if is_remainder(e) is not None or is_quotient(e) is not None:
            return substitute(e, {T.name: TICKS})
        match e:
            case Lookup(x, edges, values) if x == T:
                return Lookup(TICKS, tuple(float(ceil(edge)) for edge in edges), values)
        return rebuild(e, self.counted)

    def name_ticks(self, formulas: Sequence[Expr], ticks: str, spelled: dict[str, str]) -> None:
        """Say what the ticks of the phase are called, whole and as floats."""
        parts = [part for e in formulas for part in walk(e)]
        floats, whole = parts.count(T), len({id(e) for e in formulas if TICKS in walk(e)})
        if whole and not re.fullmatch(r"\w+", ticks):
            self.lines.append(f"ticks = {ticks}")
            ticks = "ticks"
        spelled[TICKS.name] = ticks
        divided = any(isinstance(p, Apply) and p.op == "div" and _counts(p.args[0]) for p in parts)
        if floats == 1 and divided and self.dialect is JAX:
            spelled[T.name] = ticks
        elif floats == 1:
            spelled[T.name] = self.dialect.real(_atom(ticks))
        elif floats:
            spelled[T.name] = "t"
            self.lines.append(f"t = {self.dialect.real(_atom(ticks))}")

    def name_indices(self, e: Expr, spelled: dict[str, str], least: int = 2) -> bool:
        """Count once where several lists (or at ``least`` one) ask for the same edges."""
        known = len(self.indices)
        lookups = [part for part in walk(e) if isinstance(part, Lookup)]
        for part in lookups:
            key = (part.x, part.edges)
            if key not in self.indices and sum((o.x, o.edges) == key for o in lookups) >= least:
                name = self.free("reached")
                self.lines.append(f"{name} = {self.index(part, self.text(part.x, spelled))}")
                self.indices[key] = name
        return len(self.indices) > known

    def index(self, e: Lookup, x: str) -> str:
        """How many edges are reached, in integers."""
        edges = [source.number(edge, whole=True) for edge in e.edges if edge <= LAST_TICK]
        return self.dialect.index(self.lists.text(edges, "_EDGES"), x)

    def clipped(self, clock: str, origin: int, low: int, high: int | None) -> str:
        """The phase's own ticks, kept to the phase, so that no branch computes nonsense."""
        sign = "-" if origin > 0 else "+"
        since = f"{clock} {sign} {source.integer(abs(origin))}" if origin else clock
        if high is not None:
            if origin == 0 == low:
                return f"{self.dialect.module}.minimum({since}, {source.integer(high)})"
            return f"{self.dialect.module}.clip({since}, {low}, {source.integer(high)})"
        return f"{self.dialect.module}.maximum({since}, {low})" if origin - low or low else since

    def quantity(self, e: Expr, spelled: dict[str, str]) -> str:
        """The text of a quantity; a cycle, or a position in one, is exact integers made float."""
        found = is_remainder(e)
        if found is not None:
            x, numerator, denominator = found
            times = x if denominator == 1 else x * denominator
            text = f"{self.whole(times, spelled)} % {source.integer(numerator)}"
            real = self.dialect.real(f"({text})")
            return real if denominator == 1 else f"{real} / {denominator}"
        match e:
            case Apply("floor", (Apply("div", (x, Number(n))),)) if _is_quotient(e):
                return self.dialect.real(f"({self.whole(x, spelled)} // {source.integer(n)})")
        return self.text(e, spelled)

    def whole(self, e: Expr, spelled: dict[str, str]) -> str:
        """Integer arithmetic, as the left side of ``%`` or ``//``."""
        text = self.text(e, spelled)
        return f"({text})" if isinstance(e, Apply) and e.op in {"add", "sub"} else text

    def largest(self, e: Expr, spelled: dict[str, str]) -> Expr | None:
        """The largest part of a formula that fits on a line of its own, if there is one."""
        room = self.width - len("part_100 = ")
        parts = [p for p in walk(e) if p != e and not isinstance(p, Number | Symbol)]
        sized = [(len(self.text(part, spelled)), part) for part in parts]
        fitting = [pair for pair in sized if pair[0] <= room]
        return max(fitting, key=lambda pair: pair[0], default=(0, None))[1]

    def free(self, wanted: str) -> str:
        """A name that no statement uses."""
        names = (wanted, *(f"{wanted}_{i}" for i in range(2, len(self.taken) + 3)))
        name = next(name for name in names if name not in self.taken)
        self.taken.add(name)
        return name

    def text(self, e: Expr, spelled: dict[str, str]) -> str:
        """The formula in the library's functions."""
        module = self.dialect.module

        def spell(part: Expr, write: Write) -> tuple[str, int] | None:
            match part:
                case Number(value):
                    text, tightness = number(value)
                    return (self.dialect.pi, ATOM) if text == "math.pi" else (text, tightness)
                case Symbol(name):
                    return spelled.get(name, name), ATOM
                case Apply("where", (condition, yes, no)):
                    inside = ", ".join(write(arg, CHOICE) for arg in (condition, yes, no))
                    return f"{module}.where({inside})", ATOM
                case Apply("and" | "or" | "not" as op, args):
                    inside = ", ".join(write(arg, CHOICE) for arg in args)
                    return f"{module}.{_LOGIC[op]}({inside})", ATOM
                case Apply("pow", (x, y)):
                    return power(x, y, write)
                case Apply("neg", (Apply("pow") as inner,)):
                    return negated(inner, write)
                case Lookup(x, edges, values):
                    found = self.indices.get((x, edges)) or self.index(part, write(x, CHOICE))
                    if is_count(part):
                        return self.dialect.real(_atom(found)), ATOM
                    reached = sum(edge <= LAST_TICK for edge in edges)
                    listed = [source.number(v) for v in values[: reached + 1]]
                    return self.dialect.take(self.lists.text(listed, "_VALUES"), found), ATOM
            return None

        if isinstance(e, Number):
            return source.number(e.value).replace("math.pi", self.dialect.pi)
        return infix(e, self.dialect.names(), spell)


def _counts(e: Expr) -> bool:
    """Whether this is the tick, or how many are left."""
    match e:
        case Apply("sub", (Number(n), x)):
            return x == T and n == int(n)
    return e == T


def _is_quotient(e: Expr) -> bool:
    """Whether this is a quotient of whole ticks."""
    match e:
        case Apply("floor", (Apply("div", (x, Number())),)):
            return TICKS in walk(x)
    return False


def _atom(text: str) -> str:
    """The text such that a method can be called on it."""
    return text if re.fullmatch(r"[\w.]+(\(.*\))?", text) else f"({text})"
