"""The phases of a program as a table, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from schedlang.cli.output import ASCII
from schedlang.evaluate import value
from schedlang.formula import Expr, Number
from schedlang.notation import ATOM, Write, infix, number, tidy
from schedlang.program import Piece, Program, Track

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 1_000
"""Nobody reads further; a repeat can have a million phases. JSON has them all."""

_ASCII_BOX = "    \n    \n -- \n" + 5 * "    \n"
"""rich's SIMPLE_HEAD in ASCII: a line under the head, and nothing else."""


class Row(NamedTuple):
    """A phase as it is shown.

    Attributes:
        phase: the phase as it is written; empty for what only holds a level.
        begin: its first tick.
        end: the tick after its last one; None if it never ends.
        first: the value on its first tick.
        last: the value on which it ends; None if it never ends and is not constant.
        formula: the value over ``t``.
    """

    phase: str
    begin: int
    end: int | None
    first: float
    last: float | None
    formula: str


def as_json(program: Program) -> dict[str, Any]:
    """All of the table as values that JSON has."""
    return {
        "text": program.text,
        "tick": program.tick,
        "length": program.length,
        "base": program.base,
        "shares": program.in_shares or program.base is None,
        "tables": [
            {
                "of": what,
                "phases": [row._asdict() for row in map(_row, track.pieces)],
                "repeats": None if track.loop is None else track.loop._asdict(),
            }
            for what, track in _tracks(program)
        ],
        "plateau": None if program.plateau is None else _plateau(program),
    }


def describe(program: Program, *, boxes: bool = True) -> Iterator[str | Table]:
    """What is to be known of a program, in the order in which it is shown.

    Args:
        program: the program.
        boxes: whether the output has the characters of tables; if not, ASCII is used.
    """
    yield program.text
    yield f"{_length(program)}; one tick is {program.says_tick}; {_base(program)}"
    for what, track in _tracks(program):
        if what == "momentum" and len(program.tracks) > 1:
            yield PRODUCT
        yield _table(track, what, boxes=boxes)
        yield from _notes(track)
    if program.momentum is None and len(program.tracks) > 1:
        yield PRODUCT
    if program.plateau is not None:
        yield _decided(_plateau(program))
    yield "t is the number of ticks since the phase began."


PRODUCT = "The rate is the product of the tables: each row's value times that of the others."


def _tracks(program: Program) -> Iterator[tuple[str, Track]]:
    for i, track in enumerate(program.tracks):
        yield ("rate" if i == 0 else "factor"), track
    if program.momentum is not None:
        yield "momentum", program.momentum


def _length(program: Program) -> str:
    if program.length is None:
        return "never ends"
    return f"{program.length:,} tick{'s' if program.length != 1 else ''}, then the end holds"


def _base(program: Program) -> str:
    if program.in_shares or program.base is None:
        return "rates are shares of the base (say --lr)"
    return f"the base rate is {number(program.base)}"


def _table(track: Track, what: str, *, boxes: bool) -> Table:
    from rich.box import SIMPLE_HEAD, Box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if boxes else Box(_ASCII_BOX, ascii=True), pad_edge=False)
    for column in ("phase", "ticks", what, "formula"):
        table.add_column(column, overflow="fold")
    for row in map(_row, track.pieces[:MOST_ROWS]):
        cells = (row.phase, _ticks(row), _values(row), row.formula)
        table.add_row(*(Text(cell if boxes else cell.translate(ASCII)) for cell in cells))
    return table


def _notes(track: Track) -> Iterator[str]:
    if len(track.pieces) > MOST_ROWS:
        yield f"… and {len(track.pieces) - MOST_ROWS:,} more."
    if track.loop is not None:
        begin, period = track.loop
        yield f"From tick {begin:,} on, every {period:,} ticks are the same again."


def _without_dust(e: Expr, _write: Write) -> tuple[str, int] | None:
    match e:
        case Number(value) if value > 0:
            return number(tidy(value)), ATOM
    return None


def _row(piece: Piece) -> Row:
    formula = infix(piece.curve, spelling=_without_dust)
    if isinstance(piece.curve, Number):
        constant = tidy(piece.curve.value)
        return Row(piece.text, piece.begin, piece.end, constant, constant, formula)
    first, last = _short(piece.curve, 0), None
    if piece.end is not None:
        length = piece.end - piece.begin
        match piece.kind:
            case "onecycle":  # ends a tick early, as PyTorch's does
                last = _short(piece.curve, length - 1)
            case "fn":
                last = _short(piece.curve, length)
            case _:
                last = _short(piece.curve, length, left=True)
    return Row(piece.text, piece.begin, piece.end, first, last, formula)


def _ticks(row: Row) -> str:
    if row.end is None:
        return f"{row.begin:,} …"
    if row.end - row.begin == 1:
        return f"{row.begin:,}"
    return f"{row.begin:,} … {row.end - 1:,}"


def _values(row: Row) -> str:
    """The value on the first tick, and the one on which the phase ends."""
    if row.last is None:
        return f"{number(row.first)} → …"
    if row.formula == number(row.first):
        return row.formula
    return f"{number(row.first)} → {number(row.last)}"


def _short(curve: Expr, t: int, *, left: bool = False) -> float:
    return float(f"{value(curve, {'t': float(t)}, left=left):.6g}")


def _plateau(program: Program) -> dict[str, Any]:
    """A plateau's numbers, in the order in which they are shown."""
    facts = program.plateau or {}
    names = ("factor", "threshold", "min", "eps")
    levels = {name: facts[name] for name in names}
    numbers = {
        name: float(at.value if isinstance(at, Number) else at) for name, at in levels.items()
    }
    return {
        "begin": facts["begin"],
        "monitor": facts["monitor"],
        "mode": facts["mode"] or "min",
        "factor": numbers["factor"],
        "patience": facts["patience"],
        "threshold": numbers["threshold"],
        "threshold_mode": facts["threshold_mode"],
        "cooldown": facts["cooldown"],
        "min": numbers["min"],
        "eps": numbers["eps"],
    }


def _decided(plateau: dict[str, Any]) -> str:
    names = ("factor", "patience", "threshold", "cooldown", "min", "eps")
    listed = ", ".join(f"{name}={number(float(plateau[name]))}" for name in names)
    return (
        f"From tick {plateau['begin']:,} on, `{plateau['monitor']}` decides"
        f" (mode={plateau['mode']}, {listed}, threshold_mode={plateau['threshold_mode']});"
        " shown as if it always improved."
    )
