"""Long stretches of phases as a table: a formula for each kind, and a row for each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from schedlang.emit.outline import Part, Rounds
from schedlang.emit.ranges import Range
from schedlang.emit.tidied import tidied
from schedlang.formula.expressions import (
    BASE,
    ONE,
    ZERO,
    Apply,
    Expr,
    Lookup,
    Number,
    Symbol,
    affine,
    skeleton,
    substitute,
    symbols,
    walk,
)
from schedlang.program.program import Piece

LONG = 40
"""Phases one after the other that are written out; more of them are a table."""

_NAMES = {
    "a": "start",
    "b": "end",
    "T": "ticks",
    "power": "power",
    "gamma": "gamma",
    "every": "every",
    "timescale": "timescale",
    "skip": "skip",
}
_JUMPS = {"floordiv", "mod", "floor", "ceil", "where", "min", "max"}


class Formula(NamedTuple):
    """A formula that several phases share, over ``t`` and the names of numbers in their rows.

    Attributes:
        kind: the kind of the phases.
        curve: the formula.
        ticks: the T of the phases, if they have one.
        numbers: the names of the numbers.
    """

    kind: str
    curve: Expr
    ticks: Expr | None
    numbers: tuple[str, ...]


class Row(NamedTuple):
    """A phase of a table: its first tick, its formula, and that formula's numbers."""

    begin: int
    formula: Formula
    numbers: tuple[float, ...]
    text: str

    def named(self) -> dict[str, float]:
        """The numbers by their names."""
        return dict(zip(self.formula.numbers, self.numbers, strict=True))


@dataclass(frozen=True, slots=True)
class Table:
    """Phases without a gap between ``begin`` and ``end``."""

    begin: int
    end: int | None
    formulas: tuple[Formula, ...]
    rows: tuple[Row, ...]

    @property
    def columns(self) -> list[str]:
        """The names of all numbers."""
        return list(dict.fromkeys(name for formula in self.formulas for name in formula.numbers))

    def ranges(self) -> Iterator[tuple[Formula, dict[str, Range]]]:
        """The formulas, each with what its ``t`` and its numbers can be."""
        ends = [*(row.begin for row in self.rows[1:]), self.end]
        for formula in self.formulas:
            own = [
                (row, 2**53 if end is None else end - 1 - row.begin)
                for row, end in zip(self.rows, ends, strict=True)
                if row.formula is formula
            ]
            names = {"t": Range(0, max(last for _, last in own), whole=True)}
            columns = zip(*(row.numbers for row, _ in own), strict=True)
            for name, column in zip(formula.numbers, columns, strict=True):
                whole = all(number == int(number) for number in column)
                names[name] = Range(min(column), max(column), whole=whole)
            yield formula, names


Stretch: TypeAlias = Part | Table


def tabled(parts: Sequence[Part], prepare: Callable[[Piece], Expr]) -> Iterator[Stretch]:
    """The parts, with long stretches of smooth phases made tables.

    Args:
        parts: what comes one after the other.
        prepare: a piece's formula as the target will write it.
    """
    for smooth, stretch in groupby(parts, _is_smooth):
        found = list(stretch)
        if smooth and len(found) > LONG:
            yield _table([part for part in found if isinstance(part, Piece)], prepare)
        else:
            yield from found


def _is_smooth(part: Part) -> bool:
    if isinstance(part, Rounds) or part.kind == "fn":
        return False
    return not any(
        isinstance(e, Lookup) or (isinstance(e, Apply) and e.op in _JUMPS) for e in walk(part.curve)
    )


def _table(pieces: Sequence[Piece], prepare: Callable[[Piece], Expr]) -> Table:
    same: dict[Expr, list[tuple[int, tuple[float, ...]]]] = {}
    for i, piece in enumerate(pieces):
        shape, numbers = _skeleton(piece, prepare)
        same.setdefault(shape, []).append((i, numbers))
    formulas: list[Formula] = []
    rows: dict[int, Row] = {}
    for shape, members in same.items():
        kind = pieces[members[0][0]].kind
        facts = [pieces[i].facts for i, _ in members]
        curve, columns = _columns(shape, [numbers for _, numbers in members], facts)
        ticks = Symbol("ticks") if "ticks" in columns else _number(facts[0].get("T"))
        formulas.append(Formula(kind, curve, ticks, tuple(columns)))
        for at, (i, _) in enumerate(members):
            piece = pieces[i]
            own = tuple(column[at] for column in columns.values())
            rows[i] = Row(piece.begin, formulas[-1], own, piece.text or "the end holds")
    ordered = tuple(rows[i] for i in range(len(pieces)))
    return Table(pieces[0].begin, pieces[-1].end, tuple(formulas), ordered)


def _skeleton(piece: Piece, prepare: Callable[[Piece], Expr]) -> tuple[Expr, tuple[float, ...]]:
    """The formula without its numbers; a share of the base is the base times one without it."""
    parts = affine(piece.curve)
    if BASE.name not in symbols(piece.curve) or parts is None or parts[1] != ZERO:
        return skeleton(prepare(piece))
    share = piece._replace(curve=substitute(piece.curve, {BASE.name: ONE}))
    shape, numbers = skeleton(prepare(share))
    return BASE * shape, numbers


def _columns(
    shape: Expr, numbers: Sequence[tuple[float, ...]], facts: Sequence[Mapping[str, Any]]
) -> tuple[Expr, dict[str, tuple[float, ...]]]:
    """The formula over named numbers, and what those are in each row.

    A number that is the same in all rows stays in the formula, unless there is nothing else.
    """
    known = _known(facts)
    constant = "t" not in symbols(shape)
    columns: dict[str, tuple[float, ...]] = {}
    put: dict[str, Expr] = {}
    for i, column in enumerate(zip(*numbers, strict=True)):
        if len(set(column)) == 1 and not constant:
            put[f"c{i}"] = Number(column[0])
            continue
        found = next((name for name, other in columns.items() if other == column), None)
        if found is None:
            wanted = [name for name, other in known.items() if _is_same(column, other)]
            wanted += [name for name in ("start", "end") if _is_scaled(column, known.get(name))]
            wanted += ["start"] if constant else []
            wanted += [f"number_{j}" for j in range(1, len(columns) + 2)]
            found = next(name for name in wanted if name not in columns)
            columns[found] = column
        put[f"c{i}"] = Symbol(found)
    order = [*_NAMES.values(), *known, *columns]
    return tidied(substitute(shape, put)), dict(
        sorted(columns.items(), key=lambda c: order.index(c[0]))
    )


def _known(facts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, ...]]:
    """The columns of numbers that have names."""
    known: dict[str, tuple[float, ...]] = {}
    for fact, name in _NAMES.items():
        column = [_number(row.get(fact)) for row in facts]
        if all(column):
            known[name] = tuple(number.value for number in column if number)
    if "start" in known and "end" in known and all(known["start"]):
        ratios = (b / a for a, b in zip(known["start"], known["end"], strict=True))
        known["ratio"] = tuple(ratios)
    return known


def _is_same(column: Sequence[float], other: Sequence[float], unit: float = 1.0) -> bool:
    return all(abs(a - unit * b) <= 1e-9 * abs(a) for a, b in zip(column, other, strict=True))


def _is_scaled(column: Sequence[float], other: Sequence[float] | None) -> bool:
    """Whether one is the other in another unit: rates, and shares of the base."""
    if other is None:
        return False
    unit = next((a / b for a, b in zip(column, other, strict=True) if a and b), 1.0)
    return _is_same(column, other, unit)


def _number(fact: object) -> Number | None:
    """A fact as a number; a level as its share of the base, or as its rate."""
    match fact:
        case int() | float() as number:
            return Number(float(number))
        case Symbol():
            return Number(1.0)
        case Number() | Apply() as level:
            _, numbers = skeleton(level)
            return Number(numbers[0]) if len(numbers) == 1 else None
    return None
