"""The parts of a track as they are written: one after the other, and long runs as a table.

A table has a formula for each kind of phase, and a row of numbers for each phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isclose
from typing import Any, TypeAlias

from schedlang.emit.simple import share_of, simplified
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    Apply,
    Expr,
    Lookup,
    Number,
    Symbol,
    T,
    skeleton,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.ranges import Range
from schedlang.program.program import Part, Piece, Repeat, Track

LONG = 40
"""Phases one after the other that are written out; more of them are a table."""
LAST_TICK = 2**53

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
"""What the numbers of a phase are called, by the names of its facts."""
_JUMPS = {"floordiv", "mod", "floor", "ceil", "where", "min", "max"}


def outline(track: Track) -> tuple[Part, ...]:
    """The parts of a track one after the other; the last one has no end."""
    return _merged(track.parts)


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Without a piece that only holds the level of the one before it."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _, Repeat(parts=inner):
                merged.append(part._replace(parts=_merged(inner)))
            case _:
                merged.append(part)
    return tuple(merged)


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula that several phases share, over ``t`` and the numbers in their rows.

    Attributes:
        curve: the formula.
        columns: the numbers by name, with a value for each phase.
        pieces: the phases.
    """

    curve: Expr
    columns: Mapping[str, tuple[float, ...]]
    pieces: tuple[Piece, ...]

    def ranges(self) -> dict[str, Range]:
        """What ``t`` and the numbers can be."""
        ends = (LAST_TICK if one.end is None else one.end - 1 - one.begin for one in self.pieces)
        ranges = {T.name: Range(0, max(ends), whole=True)}
        for name, column in self.columns.items():
            ranges[name] = Range(min(column), max(column), all(x == int(x) for x in column))
        return ranges


@dataclass(frozen=True, eq=False)
class Table:
    """Phases without a gap."""

    begin: int
    end: int | None
    formulas: tuple[Formula, ...]

    @property
    def columns(self) -> list[str]:
        """The names of all numbers."""
        return list(dict.fromkeys(name for formula in self.formulas for name in formula.columns))

    def rows(self) -> list[tuple[Piece, Formula, dict[str, float]]]:
        """The phases in the order of time, each with its formula and its numbers."""
        rows = [
            (piece, formula, {name: column[i] for name, column in formula.columns.items()})
            for formula in self.formulas
            for i, piece in enumerate(formula.pieces)
        ]
        return sorted(rows, key=lambda row: row[0].begin)


PartOrTable: TypeAlias = Part | Table


def with_tables(
    parts: Sequence[Part], write: Callable[[Expr], Expr] = simplified
) -> Iterator[PartOrTable]:
    """The parts, with long runs of smooth phases made tables.

    Args:
        parts: what comes one after the other.
        write: a phase's formula (or that of its share of the base) as it is printed.
    """
    for smooth, run in groupby(parts, _is_smooth):
        found = list(run)
        if smooth and len(found) > LONG:
            pieces = [part for part in found if isinstance(part, Piece)]
            yield Table(pieces[0].begin, pieces[-1].end, tuple(_formulas(pieces, write)))
        else:
            yield from found


def _is_smooth(part: Part) -> bool:
    if isinstance(part, Repeat) or part.kind == "fn":
        return False
    return not any(
        isinstance(e, Lookup) or (isinstance(e, Apply) and e.op in _JUMPS) for e in walk(part.curve)
    )


def _formulas(pieces: Sequence[Piece], write: Callable[[Expr], Expr]) -> Iterator[Formula]:
    alike: dict[Expr, list[tuple[Piece, tuple[float, ...]]]] = {}
    for piece in pieces:
        share = share_of(piece.curve)
        shape, numbers = skeleton(write(piece.curve if share is None else share))
        alike.setdefault(shape if share is None else BASE * shape, []).append((piece, numbers))
    for shape, members in alike.items():
        own, rows = zip(*members, strict=True)
        curve, columns = _columns(shape, rows, [piece.facts for piece in own])
        yield Formula(curve, columns, own)


def _columns(
    shape: Expr, rows: Sequence[tuple[float, ...]], facts: Sequence[Mapping[str, Any]]
) -> tuple[Expr, dict[str, tuple[float, ...]]]:
    """The formula over named numbers, and what those are in each row.

    A number that is the same in all rows stays in the formula, unless there is nothing else.
    """
    known = _known(facts)
    constant = T.name not in symbols(shape)
    columns: dict[str, tuple[float, ...]] = {}
    put: dict[str, Expr] = {}
    for i, column in enumerate(zip(*rows, strict=True)):
        if len(set(column)) == 1 and not constant:
            put[f"c{i}"] = Number(column[0])
            continue
        names = [name for name, other in columns.items() if other == column]
        names += [name for name in known if name not in columns and _is_same(column, known[name])]
        names += ["start"] if constant else [f"number_{len(columns) + 1}"]
        columns[names[0]] = column
        put[f"c{i}"] = Symbol(names[0])
    order = [*known, *columns]
    ordered = sorted(columns.items(), key=lambda column: order.index(column[0]))
    return simplified(substitute(shape, put)), dict(ordered)


def _known(facts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, ...]]:
    """The columns of numbers that have names; levels as shares of the base, or as rates."""
    known: dict[str, tuple[float, ...]] = {}
    for fact, name in _NAMES.items():
        column = [_number(row.get(fact)) for row in facts]
        known |= {name: tuple(x for x in column if x is not None)} if None not in column else {}
    if "start" in known and all(known["start"]):
        pairs = zip(known["start"], known.get("end", ()), strict=False)
        known["ratio"] = tuple(b / a for a, b in pairs)
    return known


def _number(fact: Expr | float | None) -> float | None:
    match fact:
        case None | int() | float():
            return fact
        case _ if symbols(fact) <= {BASE.name}:
            return value(fact, {BASE.name: 1.0})
    return None


def _is_same(column: Sequence[float], other: Sequence[float]) -> bool:
    return len(column) == len(other) and all(map(isclose, column, other))


def heading(part: PartOrTable) -> str:
    """The comment above a part."""
    match part:
        case Table():
            return f"{len(part.rows())} phases, each a row"
        case Repeat(begin, end, period, _):
            rounds = "" if end is None else f"{(end - begin) // period} "
            return f"{rounds}rounds of {period}"
        case Piece():
            return part.text
