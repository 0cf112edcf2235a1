"""Functions of one tick in Python's own arithmetic: the phases of a track, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schedlang.emit import header, source
from schedlang.emit.code import Code, Text, call, infix, statement
from schedlang.emit.definitions import Definitions, local_name
from schedlang.emit.parts import Formula, PartOrTable, Table, heading, outline, with_tables
from schedlang.emit.printing import PYTHON, Import, Printer, number, ticks_since
from schedlang.emit.restarts import cycles_of
from schedlang.emit.simple import (
    choice,
    outside,
    phase_formula,
    quantities_of,
    user_formula,
    without_skip,
)
from schedlang.formula.expressions import (
    BASE,
    LEVEL,
    PI,
    Expr,
    Named,
    Number,
    T,
    walk,
)
from schedlang.formula.ranges import Range, measure, narrowed
from schedlang.program.program import Part, Piece, Repeat, Track, pieces_of

LAST_TICK = 2.0**53
IMPORTS = {
    **PYTHON.imports,
    "Callable": Import("collections.abc", "Callable"),
    "Fraction": Import("fractions", "Fraction"),
}
"""What the functions use, by its name."""
RESERVED = {"step", "lr", "base", "t", "tick", "formula", "numbers", *IMPORTS}
"""Names that are no local for a quantity."""


# ------------------------------------------------------------------------------ functions


def functions(
    shared: Definitions,
    tracks: Sequence[Track],
    name: str,
    *,
    takes_base: bool,
    docstring: list[str],
) -> list[list[str]]:
    """The function ``name(step)`` that multiplies the tracks, with one function for each of them.

    It has a parameter for the base rate too where a formula depends on it.
    """
    base = shared.base
    parameters = f"step: int, {base}: float" if takes_base else "step: int"
    head = [f"def {name}({parameters}) -> float:", *source.indented(docstring)]
    if len(tracks) == 1:
        return [[*head, *source.indented(body(shared, outline(tracks[0])))]]
    factors: list[list[str]] = []
    product: Code = Text("")
    for i, track in enumerate(tracks):
        wanted = "_rate" if i == 0 else "_factor" if len(tracks) == 2 else f"_factor_{i}"
        factor = shared.free(wanted)
        takes = header.over_base(piece.curve for piece in pieces_of(track.parts))
        lines = body(shared, outline(track))
        definition = f"def {factor}(step: int{f', {base}: float' if takes else ''}) -> float:"
        factors.append([definition, *source.indented(lines)])
        value = call(factor, *(["step", base] if takes else ["step"]))
        product = infix(product, "*", value) if i else value
    lines = statement("return ", product, width=source.WIDTH - len(source.INDENT))
    return [*factors, [*head, *source.indented(lines)]]


def body(shared: Definitions, parts: Sequence[Part]) -> list[str]:
    """The statements that return the value at the tick ``step``."""
    return Body(shared).complete(parts)


@dataclass
class Names:
    """How the parts of a formula are written where it stands, and what they can be."""

    codes: dict[Expr, Code]
    ranges: Mapping[str, Range]

    def where(self, condition: Expr, *, holds: bool) -> Names:
        """The names where a condition holds, or does not."""
        return Names(dict(self.codes), narrowed(condition, self.ranges, holds=holds))


@dataclass
class Body:
    """The statements of one function.

    Attributes:
        shared: what the functions of the file have in common.
        types: the types of the locals.
    """

    shared: Definitions
    types: dict[str, str] = field(default_factory=dict)

    def complete(self, parts: Sequence[Part]) -> list[str]:
        """The whole body: the levels, then the parts one after the other."""
        return self.with_levels(self.parts(parts, 0, source.WIDTH - len(source.INDENT)))

    def with_levels(self, lines: list[str]) -> list[str]:
        """The statements, below those for the levels that they use."""
        names = Names({BASE: Text(self.shared.base)}, self.shared.ranges)
        used = set(re.findall(rf"\b{LEVEL}\d+\b", "\n".join(lines)))
        width = source.WIDTH - len(source.INDENT)
        before = self.shared.level_lines(
            used, lambda name, level: self.statement(f"{name} = ", level, names, width)
        )
        return [*before, *lines]

    def parts(self, parts: Sequence[Part], depth: int, width: int) -> list[str]:
        """The statements for parts one after the other, inside of so many repeats."""
        clock = ("step", "tick")[depth] if depth < 2 else f"tick_{depth}"
        *before, last = with_tables(parts)
        lines: list[str] = []
        for part in before:
            assert part.end is not None
            test = f"if {clock} < {source.integer(part.end)}:"
            text = source.plain(heading(part))
            above = source.comment(text, width - 4)
            if text and len(test) + len(f"  # {text}") <= width:
                test, above = f"{test}  # {text}", []
            inside = self.part(part, clock, depth, width - 4)
            lines += [test, *source.indented([*above, *inside])]
        return [
            *lines,
            *source.comment(heading(last), width),
            *self.part(last, clock, depth, width),
        ]

    def part(self, part: PartOrTable, clock: str, depth: int, width: int) -> list[str]:
        """The statements for one part."""
        match part:
            case Table():
                return self.table(part, clock)
            case Repeat(begin, _, period, parts):
                lines = self.parts(parts, depth + 1, width)
                inner = "tick" if depth == 0 else f"tick_{depth + 1}"
                if not any(re.search(rf"\b{inner}\b", line) for line in lines):
                    return lines
                tick = infix(ticks_since(clock, begin), "%", source.integer(period))
                return [*statement(f"{inner} = ", tick), *lines]
            case Piece():
                return self.piece(part, clock, width)

    def piece(self, piece: Piece, clock: str, width: int) -> list[str]:
        """The statements that return a piece's value, whose begin is a tick of the clock."""
        curve = piece.curve if piece.kind == "fn" else phase_formula(piece.curve)
        curve, skip = without_skip(curve, piece.facts.get("skip") or 0)
        last = LAST_TICK if piece.end is None else piece.end - 1 - piece.begin + skip
        ranges = {**self.shared.ranges, T.name: Range(skip, last, whole=True)}
        since = ticks_since(clock, piece.begin - skip)
        codes: dict[Expr, Code] = {BASE: Text(self.shared.base), T: since}
        return self.returns(curve, piece, Names(codes, ranges), width)

    def returns(self, e: Expr, piece: Piece | None, names: Names, width: int) -> list[str]:
        """The statements that return a formula's value."""
        e = user_formula(e)
        match choice(e):
            case condition, yes, no:
                lines = self.let_t(walk(e), names)
                test = statement("if ", self.code(condition, names), ":", width)
                inside = self.returns(yes, piece, names.where(condition, holds=True), width - 4)
                other = self.returns(no, piece, names.where(condition, holds=False), width)
                return [*lines, *test, *source.indented(inside), *other]
        quantities = list(quantities_of(e))
        wholes = (e, *(quantity.value for quantity in quantities))
        lines = self.let_t((part for whole in wholes for part in outside(whole)), names)
        lines += self.cycle(e, piece, names)
        for quantity in quantities:
            if quantity not in names.codes:
                name = self.local(quantity.name, self.type(quantity.value, names), names)
                lines += self.statement(f"{name} = ", quantity.value, names, width)
                names.codes[quantity] = Text(name)
        return [*lines, *self.statement("return ", e, names, width)]

    def let_t(self, parts: Iterable[Expr], names: Names) -> list[str]:
        """The statement that gives the ticks since the phase's begin a name, if they need one."""
        since = names.codes[T]
        count = sum(part == T for part in parts)
        if isinstance(since, Text) or count < 2:
            return []
        names.codes[T] = Text("t")
        return statement("t = ", since)

    def cycle(self, e: Expr, piece: Piece | None, names: Names) -> list[str]:
        """The statements that find the cycle of the tick, where cycles grow."""
        cycles = None if piece is None else cycles_of(e, piece.facts)
        if cycles is None:
            return []
        lines = self.let_t([T, T], names)
        whole = "int" if cycles.whole else "Fraction"
        named = {part.name: part for part in walk(e) if isinstance(part, Named)}
        types = {"begin": whole, "length": whole, "cycle": "int"}
        found = {name: self.local(name, types[name], names) for name in types if name in named}
        for name, local in found.items():
            names.codes[named[name]] = Text(local)
        t = names.codes[T]
        assert isinstance(t, Text)
        lines += cycles.loop(t.text, found["begin"], found["length"], found.get("cycle"))
        if not cycles.whole:
            progress = named["progress"]
            name = self.local(progress.name, "float", names)
            share = call("float", self.code(progress.value, names))
            lines += statement(f"{name} = ", share)
            names.codes[progress] = Text(name)
        return lines

    def table(self, table: Table, clock: str) -> list[str]:
        """The statements that look a phase up, after a function for each formula and the rows."""
        shared = self.shared
        takes_base = header.over_base(formula.curve for formula in table.formulas)
        functions: dict[Formula, str] = {}
        for formula in table.formulas:
            name = functions[formula] = shared.free(f"_{formula.pieces[0].kind}_phase")
            parameters = ["t: int", *([f"{shared.base}: float"] if takes_base else [])]
            parameters += [f"{column}: float" for column in formula.columns]
            head = statement("def ", call(name, *parameters), " -> float:")
            ranges = {**shared.ranges, **formula.ranges()}
            names = Names({T: Text("t"), BASE: Text(shared.base)}, ranges)
            body = Body(shared)
            width = source.WIDTH - len(source.INDENT)
            lines = body.with_levels(body.returns(formula.curve, None, names, width))
            shared.defined.append([*head, *source.indented(lines)])
        phases, begins = shared.free("_PHASES"), shared.free("_FIRST_STEPS")
        rows: list[str] = []
        for piece, formula, numbers in table.rows():
            items = [source.integer(piece.begin), functions[formula]]
            own = source.numbers(numbers)
            items.append(f"({', '.join(own)}{',' if len(own) == 1 else ''})")
            rows += source.row(items, piece.text or "the end holds")
        shared.defined.append(
            [
                "# Each phase: its first step, its formula, and the numbers in it.",
                f"{phases}: list[tuple[int, Callable[..., float], tuple[float, ...]]] = [",
                *source.indented(rows),
                "]",
                f"{begins} = [begin for begin, _, _ in {phases}]",
            ]
        )
        base = f"{shared.base}, " if takes_base else ""
        given = f"{clock} - begin, {base}*numbers"
        return [
            f"begin, formula, numbers = {phases}[bisect_right({begins}, {clock}) - 1]",
            f"return formula({given})",
        ]

    # -------------------------------------------------------------------------- formulas

    def statement(self, before: str, e: Expr, names: Names, width: int) -> list[str]:
        """The lines of a statement whose value is a formula; a number is a float."""
        match e:
            case Number(value) if value != PI.value:
                return statement(before, number(value, whole=False), width=width)
        return statement(before, self.code(e, names), width=width)

    def code(self, e: Expr, names: Names) -> Code:
        """The formula as code."""
        return self.printer(e, names).code(e)

    def type(self, e: Expr, names: Names) -> str:
        """The type of the formula's value."""
        return "int" if self.printer(e, names).is_whole(e) else "float"

    def printer(self, e: Expr, names: Names) -> Printer:
        """What prints a formula."""
        guarded: set[Expr] = set()
        measure(e, names.ranges, guarded)
        return Printer(PYTHON, names.codes, guarded, lists=self.shared.listed)

    def local(self, wanted: str, kind: str, names: Names) -> str:
        """The name of a local of a type; one name has the same type in the whole function."""
        own = (code.text for code in names.codes.values() if isinstance(code, Text))
        others = (name for name, type_ in self.types.items() if type_ != kind)
        name = local_name(wanted, (*own, *others, *RESERVED))
        self.types[name] = kind
        return name
