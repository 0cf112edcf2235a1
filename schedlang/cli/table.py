"""The phases of a program as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from schedlang.evaluate import value
from schedlang.formula import Expr, Number
from schedlang.notation import ATOM, Write, infix, number, tidy
from schedlang.program import Piece, Program, Track

MOST_ROWS = 1_000
"""Nobody reads further; a repeat can have a million phases."""


def describe(program: Program) -> Iterator[str | Table]:
    """What is to be known of a program, in the order in which it is shown."""
    yield program.text
    yield f"{_length(program)}; one tick is {program.says_tick}; {_base(program)}"
    for i, track in enumerate(program.tracks):
        yield _table(track, "rate" if i == 0 else "factor")
        yield from _notes(track)
    if len(program.tracks) > 1:
        yield "The rate is the product of the tables: each row's value times that of the others."
    if program.momentum is not None:
        yield _table(program.momentum, "momentum")
        yield from _notes(program.momentum)
    if program.plateau is not None:
        yield _plateau(program)
    yield "t is the number of ticks since the phase began."


def _length(program: Program) -> str:
    if program.length is None:
        return "goes on for ever"
    return f"{program.length:,} tick{'s' if program.length != 1 else ''}, then the end holds"


def _base(program: Program) -> str:
    if program.in_shares or program.base is None:
        return "rates are shares of the base (say --lr)"
    return f"the base rate is {number(program.base)}"


def _table(track: Track, what: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("phase", "ticks", what, "formula"):
        table.add_column(column, overflow="fold")
    for piece in track.pieces[:MOST_ROWS]:
        cells = (
            piece.text,
            _ticks(piece),
            _levels(piece),
            infix(piece.curve, spelling=_without_dust),
        )
        table.add_row(*map(Text, cells))
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


def _ticks(piece: Piece) -> str:
    if piece.end is None:
        return f"{piece.begin:,} …"
    if piece.end - piece.begin == 1:
        return f"{piece.begin:,}"
    return f"{piece.begin:,} … {piece.end - 1:,}"


def _levels(piece: Piece) -> str:
    """The value on the first tick, and the one on which the phase ends."""
    if isinstance(piece.curve, Number):
        return number(tidy(piece.curve.value))
    first = _short(piece.curve, 0)
    if piece.end is None:
        return f"{first} → …"
    length = piece.end - piece.begin
    match piece.kind:
        case "onecycle":  # ends a tick early, as PyTorch's does
            return f"{first} → {_short(piece.curve, length - 1)}"
        case "fn":
            return f"{first} → {_short(piece.curve, length)}"
        case _:
            return f"{first} → {_short(piece.curve, length, left=True)}"


def _short(curve: Expr, t: int, *, left: bool = False) -> str:
    return number(float(f"{value(curve, {'t': float(t)}, left=left):.6g}"))


def _plateau(program: Program) -> str:
    facts = program.plateau or {}
    names = ("factor", "patience", "threshold", "cooldown", "min", "eps")
    said = ((name, facts[name]) for name in names)
    numbers = ((name, at.value if isinstance(at, Number) else at) for name, at in said)
    listed = ", ".join(f"{name}={number(float(at))}" for name, at in numbers)
    mode = facts["mode"] or "min"
    return (
        f"From tick {facts['begin']:,} on, `{facts['monitor']}` decides (mode={mode}, {listed},"
        f" threshold_mode={facts['threshold_mode']}); shown as if it always improved."
    )
