"""Closed forms over one tick at a time: the body of a function, phase by phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schedlang.emit import source
from schedlang.emit.outline import Part, Rounds, outline
from schedlang.emit.quantities import is_remainder, named, replaced, skipping, ticks_of
from schedlang.emit.ranges import Range, knowing
from schedlang.emit.restarts import growing
from schedlang.emit.spelling import Scalar
from schedlang.emit.tabled import Formula, Stretch, Table, tabled
from schedlang.emit.tidied import factored, lifted, oriented, scaled, tidied
from schedlang.formula.expressions import BASE, Apply, Expr, Number, Symbol, symbols, walk
from schedlang.formula.notation import ATOM, SUM
from schedlang.program.program import Piece, Track

LAST_TICK = 2.0**53
BASE_RATES = Range(1e-30, 1e30)


@dataclass
class Block:
    """The lines of one phase, in a block that is ``width`` wide."""

    scalar: Scalar
    clock: str
    origin: int
    names: dict[str, Range]
    spelled: dict[str, tuple[str, int]]
    width: int

    def returns(self, e: Expr, ticks: Expr | None) -> list[str]:
        """Statements that return the formula's value."""
        e = lifted(e)
        match e:
            case Apply("where", (condition, yes, no)):
                lines = (
                    self.let_t(e) if sum(1 for part in walk(e) if part == Symbol("t")) > 2 else []
                )
                before, condition = self.fitted(condition, len("if :"))
                lines += before
                test = self.text(condition)
                lines += [
                    f"if {test}:",
                    *source.indented(self.deeper(condition).returns(yes, ticks)),
                ]
                self.names = dict(knowing(condition, self.names, holds=False))
                return [*lines, *self.returns(no, ticks)]
        return self.formula(e, ticks)

    def formula(self, e: Expr, ticks: Expr | None) -> list[str]:
        cycles = growing(e)
        lines: list[str] = []
        if cycles is not None:
            lines += [*self.let_t(e), *cycles.loop(self.spelled["t"][0])]
            self.scalar.fractions |= not cycles.whole
            self.names |= {"p": Range(0, 1), "cycle": Range(0, LAST_TICK, whole=True)}
            e = cycles.rest
        quantities = named(e, ticks)
        parts = [*(part for _, part in quantities.defined), quantities.result]
        if sum(1 for whole in parts for part in walk(whole) if part == Symbol("t")) > 1:
            lines += self.let_t(e)
        for name, part in quantities.defined:
            before, short = self.fitted(part, len(f"{name} = "))
            lines += [*before, *self.let(name, short)]
        before, result = self.fitted(quantities.result, len("return "))
        return [*lines, *before, f"return {self.text(result)}"]

    def fitted(self, e: Expr, used: int) -> tuple[list[str], Expr]:
        """The formula such that it fits on a line, after statements for parts of it."""
        lines: list[str] = []
        while len(self.text(e)) + used > self.width:
            part = self.largest(e)
            if part is None:
                break
            name = self.free("part")
            lines += self.let(name, part)
            e = replaced(e, part, Symbol(name))
        return lines, e

    def let_t(self, e: Expr) -> list[str]:
        """Give the ticks since the phase's begin a name, if that is not the clock itself."""
        text, tightness = self.spelled["t"]
        if tightness == ATOM:
            return []
        self.spelled["t"] = ("t", ATOM)
        return [f"t = {text}"]

    def let(self, name: str, part: Expr) -> list[str]:
        remainder = is_remainder(part)
        if remainder is None:
            text = self.text(part)
        else:
            x, numerator, denominator = remainder
            text = self.text(x)
            if isinstance(x, Apply) or " " in text:
                text = f"({text})"
            if denominator == 1:
                text = f"{text} % {source.integer(numerator)}"
            else:
                text = f"{text} * {denominator} % {source.integer(numerator)} / {denominator}"
        if remainder is None:
            self.names[name] = self.scalar.range(part, self.names)
        else:
            self.names[name] = Range(0, remainder[1] / remainder[2], whole=remainder[2] == 1)
        self.spelled[name] = (name, ATOM)
        return [f"{name} = {text}"]

    def largest(self, e: Expr) -> Expr | None:
        """The largest part of a formula that fits on a line of its own, if there is one."""
        room = self.width - len("part_100 = ")
        parts = [part for part in walk(e) if part != e and not isinstance(part, Number | Symbol)]
        parts = [part for part in parts if not _is_condition(part)]
        sizes = [(len(self.text(part)), part) for part in parts]
        fitting = [pair for pair in sizes if pair[0] <= room]
        return max(fitting, key=lambda pair: pair[0], default=(0, None))[1]

    def free(self, wanted: str) -> str:
        return next(
            n for n in (wanted, *(f"{wanted}_{i}" for i in range(2, 10**6))) if n not in self.names
        )

    def text(self, e: Expr) -> str:
        return self.scalar.text(e, self.names, self.spelled)

    def deeper(self, condition: Expr) -> Block:
        """The block of what is done where a condition holds."""
        return Block(
            self.scalar,
            self.clock,
            self.origin,
            dict(knowing(condition, self.names, holds=True)),
            dict(self.spelled),
            self.width - 4,
        )


def _is_condition(e: Expr) -> bool:
    return isinstance(e, Apply) and e.op in {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}


def functions(
    scalar: Scalar,
    tracks: Sequence[Track],
    name: str,
    *,
    takes_base: bool,
    docstring: Sequence[str],
) -> list[list[str]]:
    """The function ``name(step)`` that multiplies the tracks, with one function for each of them.

    It has a parameter ``lr`` too where a formula hangs on the base rate.
    """
    width = source.WIDTH - len(source.INDENT)
    parameters = "step: int, lr: float" if takes_base else "step: int"
    head = [f"def {name}({parameters}) -> float:", *source.indented(docstring)]
    if len(tracks) == 1:
        lines = body(scalar, outline(tracks[0]), "step", width)
        return [[*head, *source.indented(lines)]]
    factors: list[list[str]] = []
    calls: list[str] = []
    for i, track in enumerate(tracks):
        factor = "_rate" if i == 0 else "_factor" if len(tracks) == 2 else f"_factor_{i}"
        takes = any(BASE.name in symbols(piece.curve) for piece in track.pieces)
        calls.append(f"{factor}(step, lr)" if takes else f"{factor}(step)")
        lines = body(scalar, outline(track), "step", width)
        definition = f"def {factor}(step: int{', lr: float' if takes else ''}) -> float:"
        factors.append([definition, *source.indented(lines)])
    return [*factors, [*head, *source.indented(source.product(calls, width))]]


def _curve(piece: Piece) -> Expr:
    return scaled(piece.curve) if piece.kind == "fn" else oriented(factored(tidied(piece.curve)))


def phase(scalar: Scalar, piece: Piece, clock: str, width: int) -> list[str]:
    """The statements that return a piece's value; ``clock`` counts from where ``begin`` does."""
    curve, skip = skipping(_curve(piece))
    origin = piece.begin - skip
    last = LAST_TICK if piece.end is None else piece.end - 1 - piece.begin + skip
    spelled = {"t": (clock, ATOM), "base": ("lr", ATOM)}
    if origin:
        spelled["t"] = (f"{clock} {'-' if origin > 0 else '+'} {source.integer(abs(origin))}", SUM)
    names = {"t": Range(skip, last, whole=True), "base": BASE_RATES}
    return Block(scalar, clock, origin, names, spelled, width).returns(curve, ticks_of(piece))


def body(scalar: Scalar, parts: Sequence[Part], clock: str, width: int) -> list[str]:
    """The statements that return the value at a tick, for parts one after the other."""
    lines: list[str] = []
    stretches = list(tabled(parts, lambda piece: tidied(piece.curve)))
    for i, part in enumerate(stretches):
        if i + 1 == len(stretches):
            text = _says(part)
            lines += source.comment(text, width) if text else []
            lines += _part(scalar, part, clock, width)
            continue
        assert part.end is not None
        test = f"if {clock} < {source.integer(part.end)}:"
        text = source.plain(_says(part))
        if len(test) + 4 + len(text) <= width and text:
            lines.append(f"{test}  # {text}")
            above = []
        else:
            lines.append(test)
            above = source.comment(text, width - 4)
        lines += source.indented([*above, *_part(scalar, part, clock, width - 4)])
    return lines


def _says(part: Stretch) -> str:
    if isinstance(part, Table):
        return f"{len(part.rows)} phases, each a row"
    if isinstance(part, Rounds):
        rounds = "" if part.end is None else f"{(part.end - part.begin) // part.period} "
        return f"{rounds}rounds of {part.period}"
    return part.text


def _part(scalar: Scalar, part: Stretch, clock: str, width: int) -> list[str]:
    if isinstance(part, Table):
        return _table(scalar, part, clock)
    if isinstance(part, Piece):
        return phase(scalar, part, clock, width)
    inner = "tick" if clock == "step" else f"{clock}_"
    lines = body(scalar, part.parts, inner, width)
    if not any(re.search(rf"\b{inner}\b", line) for line in lines):
        return lines
    since = f"({clock} - {source.integer(part.begin)})" if part.begin else clock
    return [f"{inner} = {since} % {source.integer(part.period)}", *lines]


def _table(scalar: Scalar, table: Table, clock: str) -> list[str]:
    """The statements that look a phase up, after a function for each formula and the rows."""
    takes_base = any(BASE.name in symbols(formula.curve) for formula in table.formulas)
    functions: dict[Formula, str] = {}
    for formula, names in table.ranges():
        name = functions[formula] = scalar.lists.free(f"_{formula.kind}_phase")
        spelled = {"t": ("t", ATOM), "base": ("lr", ATOM)}
        width = source.WIDTH - len(source.INDENT)
        block = Block(scalar, "t", 0, {**names, "base": BASE_RATES}, spelled, width)
        parameters = ["t: int", *(["lr: float"] if takes_base else [])]
        parameters += [f"{number}: float" for number in formula.numbers]
        head = source.call(f"def {name}(", parameters, ") -> float:")
        scalar.defined.append(
            [*head, *source.indented(block.returns(formula.curve, formula.ticks))]
        )
    phases, begins = scalar.lists.free("_PHASES"), scalar.lists.free("_FIRST_STEPS")
    scalar.defined.append(
        [
            "# Each phase: its first step, its formula, and the numbers in it.",
            f"{phases}: list[tuple[int, Callable[..., float], tuple[float, ...]]] = [",
            *source.indented(
                line
                for row in table.rows
                for line in source.row(
                    [
                        source.integer(row.begin),
                        functions[row.formula],
                        source.group(source.numbers(row.named())),
                    ],
                    row.text,
                )
            ),
            "]",
            f"{begins} = [begin for begin, _, _ in {phases}]",
        ]
    )
    scalar.bisects = True
    given = f"{clock} - begin, lr, *numbers" if takes_base else f"{clock} - begin, *numbers"
    return [
        f"begin, formula, numbers = {phases}[bisect_right({begins}, {clock}) - 1]",
        f"return formula({given})",
    ]
