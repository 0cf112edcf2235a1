"""The phases of a program as a table, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from schedlang.cli.output import ASCII
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import ONE, Expr, Named, Number, rebuild
from schedlang.formula.notation import ATOM, Write, infix, number, tidy
from schedlang.program.program import Part, Piece, Program, Track

if TYPE_CHECKING:
    from rich.table import Table

    from schedlang.plan.model import Plan
    from schedlang.plan.reading import Line

MOST_ROWS = 1_000
"""The maximum number of rows: a repeat can have a million phases. JSON has no limit."""

_ASCII_BOX = "    \n    \n -- \n" + 5 * "    \n"
"""rich's SIMPLE_HEAD in ASCII: only a line under the head."""


class Row(NamedTuple):
    """A phase as it is shown.

    Attributes:
        phase: the phase as written; empty if the piece only holds a level.
        begin: its first tick.
        end: the tick after its last one; None if it never ends.
        first: the value on its first tick.
        last: the end value; None if it never ends and is not constant.
        formula: the value as a function of ``t``.
    """

    phase: str
    begin: int
    end: int | None
    first: float
    last: float | None
    formula: str


def as_json(program: Program) -> dict[str, Any]:
    """The whole table as JSON values."""
    return {
        "text": program.text,
        "tick": program.tick,
        "length": program.length,
        "base": None if program.in_shares else program.base,
        "shares": program.in_shares,
        "tables": [
            {
                "of": what,
                "phases": _json_rows(track.parts),
            }
            for what, track in _tracks(program)
        ],
        "plateau": None if program.plateau is None else _plateau(program),
    }


def plan_as_json(plan: Plan, programs: Sequence[tuple[Line, Program]]) -> dict[str, Any]:
    """The tables of a plan as JSON values: an object for each line."""
    return {
        "text": str(plan),
        "lines": [
            {
                "of": line.pattern if line.is_value else line.key,
                "group": None if line.is_value else line.pattern,
                "is_value": line.is_value,
                **as_json(program),
            }
            for line, program in programs
        ],
    }


def _json_rows(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The phases; a repeat has its period, and its phases in ticks since the round began."""
    return [
        row_of(part)._asdict()
        if isinstance(part, Piece)
        else {
            "begin": part.begin,
            "end": part.end,
            "period": part.period,
            "phases": _json_rows(part.parts),
        }
        for part in parts
    ]


def describe(program: Program, *, boxes: bool = True) -> Iterator[str | Table]:
    """The description of a program, in the order of the output.

    Args:
        program: the program.
        boxes: whether the output supports the characters of tables; otherwise ASCII is used.
    """
    yield program.text
    absolute = program.base is None and not program.in_shares
    yield from _described(program, "lr", "value" if absolute else "rate", boxes=boxes)
    yield CLOSING


def describe_plan(
    programs: Sequence[tuple[Line, Program]], *, boxes: bool = True
) -> Iterator[str | Table]:
    """The descriptions of all lines of a plan, see `describe`."""
    for line, program in programs:
        yield f"{line.place}: {line.schedule}"
        name = str(line.pattern if line.is_value else line.key)
        yield from _described(program, line.key, "rate" if name == "lr" else name, boxes=boxes)
    yield CLOSING


CLOSING = "t is the number of ticks since the phase began."


def _described(program: Program, key: str, name: str, *, boxes: bool) -> Iterator[str | Table]:
    base = base_description(program, key)
    yield f"{_length(program)}; one tick is {program.tick_description}; {base}"
    for what, track in _tracks(program, name):
        if what == "momentum" and len(program.tracks) > 1:
            yield _product(name)
        rows = list(islice(_rows(track.parts), MOST_ROWS + 1))
        yield _table(rows[:MOST_ROWS], what, boxes=boxes)
        if len(rows) > MOST_ROWS:
            yield f"… and more: these are the first {MOST_ROWS:,} rows."
    if program.momentum is None and len(program.tracks) > 1:
        yield _product(name)
    if program.plateau is not None:
        yield plateau_description(program)


def _product(name: str) -> str:
    return f"The {name} at a tick is the product of the tables' values."


def _tracks(program: Program, name: str = "rate") -> Iterator[tuple[str, Track]]:
    for i, track in enumerate(program.tracks):
        yield (name if i == 0 else "factor"), track
    if program.momentum is not None:
        yield "momentum", program.momentum


def _length(program: Program) -> str:
    if program.length is None:
        return "never ends"
    return f"{program.length:,} tick{'s' if program.length != 1 else ''}, then the end level holds"


def base_description(program: Program, key: str = "lr") -> str:
    """A phrase on the values of a hyperparameter: shares, absolute, or for a base rate."""
    from schedlang.plan.reading import VALUES

    what, how = ("rates", "--lr") if key == "lr" else ("the values", "lr= in the line")
    if program.in_shares:
        return f"{what} are shares of the base (set {how})"
    if program.base is None or key == VALUES:
        return "the values are absolute" + (", and need no base rate" if key == "lr" else "")
    return f"the base {'rate ' if key == 'lr' else ''}is {number(program.base)}"


def _rows(parts: Sequence[Part], since: int = 0) -> Iterator[tuple[str, str, str, str]]:
    """The cells of each phase; a repeat has those of its first round, and a row for itself."""
    for part in parts:
        begin, end = since + part.begin, None if part.end is None else since + part.end
        if isinstance(part, Piece):
            row = row_of(part._replace(begin=begin, end=end))
            yield row.phase, _ticks(begin, end), _values(row), row.formula
            continue
        yield from _rows(part.parts, begin)
        again = "repeats forever" if end is None else f"{(end - begin) // part.period:,} rounds"
        yield f"… {again}, {part.period:,} ticks each", _ticks(begin, end), "", ""


def _table(rows: Sequence[tuple[str, ...]], what: str, *, boxes: bool) -> Table:
    from rich.box import SIMPLE_HEAD, Box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if boxes else Box(_ASCII_BOX, ascii=True), pad_edge=False)
    for column in ("phase", "ticks", what, "formula"):
        table.add_column(column, overflow="fold")
    for cells in rows:
        table.add_row(*(Text(cell if boxes else cell.translate(ASCII)) for cell in cells))
    return table


def _without_dust(e: Expr, _write: Write) -> tuple[str, int] | None:
    match e:
        case Number(value) if value > 0:
            return number(tidy(value)), ATOM
    return None


def row_of(piece: Piece) -> Row:
    """The row of a phase."""
    formula = infix(piece.curve, override=_without_dust)
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
            case _ if _is_staircase(piece):
                last = _short(_arrived(piece.curve), length)
            case _:
                last = _short(piece.curve, length, left=True)
    return Row(piece.text, piece.begin, piece.end, first, last, formula)


def _is_staircase(piece: Piece) -> bool:
    """Whether this is a ramp with ``every``, which ends on its end level, not on its last step."""
    phase = piece.arguments
    return "b" in phase and "every" in phase and "gamma" not in phase


def _arrived(e: Expr) -> Expr:
    """A ramp's formula at the end, where its progress is 1."""
    return ONE if isinstance(e, Named) and e.name == "progress" else rebuild(e, _arrived)


def _ticks(begin: int, end: int | None) -> str:
    if end is None:
        return f"{begin:,} …"
    return f"{begin:,}" if end - begin == 1 else f"{begin:,} … {end - 1:,}"


def _values(row: Row) -> str:
    """The values at the first tick and at the end of the phase."""
    if row.last is None:
        return f"{number(row.first)} → …"
    if row.formula == number(row.first):
        return row.formula
    return f"{number(row.first)} → {number(row.last)}"


def _short(curve: Expr, t: int, *, left: bool = False) -> float:
    return float(f"{value(curve, {'t': float(t)}, left=left):.6g}")


def _plateau(program: Program) -> dict[str, Any]:
    """The arguments of a plateau, in the order of the output."""
    phase: dict[str, Any] = {**(program.plateau or {})}
    for name in ("factor", "threshold", "min", "eps"):
        level = phase[name]
        phase[name] = float(level.value if isinstance(level, Number) else level)
    return {name: phase[name] for name in _PLATEAU}


_PLATEAU = (
    "begin", "monitor", "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown",
    "min", "eps",
)  # fmt: skip


def plateau_description(program: Program) -> str:
    """A sentence on what a plateau does."""
    plateau = _plateau(program)
    names = ("factor", "patience", "threshold", "cooldown", "min", "eps")
    listed = ", ".join(f"{name}={number(float(plateau[name]))}" for name in names)
    return (
        f"From tick {plateau['begin']:,} on, reductions depend on `{plateau['monitor']}`"
        f" (mode={plateau['mode']}, {listed}, threshold_mode={plateau['threshold_mode']});"
        " the values shown assume that it always improves."
    )
