"""`explain`: what happens at which tick, in words and numbers, and what each target uses."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import assert_never

from schedlang.cli.output import write_stdout
from schedlang.cli.shared import bound, bound_plan, given_input, settings
from schedlang.cli.table import Row, base_description, plateau_description, row_of
from schedlang.cli.targets import targets, targets_of_plan
from schedlang.formula.expressions import Number
from schedlang.formula.notation import number, tidy
from schedlang.language.consistency import lengths
from schedlang.language.quantities import Length, Unit
from schedlang.plan.binding import Binder
from schedlang.plan.reading import Line
from schedlang.program.clock import Clock, merge
from schedlang.program.program import Part, Piece, Program, Track
from schedlang.schedule import Schedule

MOST_LISTED = 6
"""The maximum number of drops that are listed."""
MOST_PHASES = 100
"""The maximum number of phases that are explained; a line can have a million."""


def explain(options: argparse.Namespace) -> int:
    """Print what a schedule does, and what each target uses for it."""
    found = given_input(options)
    if found.is_plan:
        plan, programs = bound_plan(found, settings(options))
        binder = Binder(plan, {})
        for line, program in programs:
            write_stdout(f"{line.place}: {line.schedule}\n")
            _explain(program, binder.as_written(line), line)
            write_stdout("")
        made_of = targets_of_plan(plan, programs)
    else:
        program = bound(found, options)
        write_stdout(f"{program.text}\n")
        _explain(program, found.schedule(), Line("lr", None, found.schedule()))
        write_stdout("")
        made_of = targets(program)
    write_stdout("What each target uses")
    for name, lines in made_of:
        first, *others = lines
        write_stdout("\n".join([f"  {name:8} {first}", *(f"  {'':8} {line}" for line in others)]))
    return 0


def _explain(program: Program, schedule: Schedule, line: Line) -> None:
    """Print the explanation of a line.

    Args:
        program: the line, bound.
        schedule: the line with the settings of its plan.
        line: the line's key and pattern in its plan.
    """
    given = {name: value for name, value in program.binding.items() if name != "lr"}
    write_stdout("\n".join(f"  {each}" for each in _overview(program, line)))
    units = list(_units(schedule, given))
    if units:
        write_stdout("\n".join(["", "Lengths", *(f"  {each}" for each in units)]))
    what = "rate" if line.key == "lr" else str(line.pattern if line.is_value else line.key)
    for i, track in enumerate(program.tracks):
        title = "What happens" if i == 0 else "Multiplied by"
        write_stdout(
            "\n".join(["", title, *(f"  {each}" for each in _phases_in_words(track, what))])
        )
    if program.momentum is not None:
        text = program.momentum.pieces[0].text
        write_stdout(
            f"\n  The momentum moves opposite to the {what} (`{text}`), then stays constant."
        )
    if program.plateau is not None:
        write_stdout(f"\n  {plateau_description(program)}")


def _overview(program: Program, line: Line) -> Iterator[str]:
    """Sentences on the line's use, one tick, the length and the values."""
    if line.is_value:
        yield "It is a value of your own, and belongs to no optimizer."
    elif isinstance(line.pattern, int):
        yield f"It is for parameter group {line.pattern}."
    elif line.pattern == "*":
        yield "It is for the parameter groups that match no line above."
    elif line.pattern is not None:
        yield f"It is for the parameter groups whose names match `{line.pattern}`."
    if program.tick is None:
        yield "One tick is one call of step(), whether per update or per epoch."
    else:
        yield f"One tick is {program.tick_description}."
    if program.length is None:
        yield "It never ends."
    else:
        yield f"It lasts {_ticks(program.length)}; then the end level holds."
    if program.total is not None and program.total != program.length:
        yield f"The run has {_ticks(program.total)}."
    base = base_description(program, line.key)
    yield f"{base[0].upper()}{base[1:]}."


def _ticks(count: int) -> str:
    return f"{count:,} tick{'s' if count != 1 else ''}"


def _units(schedule: Schedule, given: Mapping[str, Any]) -> Iterator[str]:
    """The lengths in other units, converted to ticks."""
    merged = merge(schedule, dict(given))
    clock = Clock.of(schedule, merged)
    seen: dict[Length, None] = {}
    for path, length in lengths(schedule):
        own = {None: "", "step": "st", "epoch": "ep"}[clock.tick]
        if length.unit not in {"", own} and path != ("total",):
            seen[length] = None
    for length in seen:
        ticks = float(clock.ticks(length))
        name, what = _converted_by(length.unit)
        value = clock.total if name == "total" else getattr(merged, name)
        assert value is not None  # else the length would have been an error
        yield f"{length} is {ticks:,.6g} ticks ({float(value):,.6g} {what})"


def _converted_by(unit: Unit) -> tuple[str, str]:
    """The setting that converts a unit, and its description."""
    match unit:
        case "ep":
            return "steps_per_epoch", "an epoch"
        case "tok":
            return "tokens_per_step", "tokens an update"
        case "ex":
            return "samples_per_step", "examples an update"
        case "st":
            return "steps_per_epoch", "updates an epoch"
        case "%" | "":
            return "total", "in all"
        case _:
            assert_never(unit)


# ── What happens ─────────────────────────────────────────────────────────────────────────────────


def _phases_in_words(track: Track, what: str) -> list[str]:
    lines = []
    for line in _parts(track.parts, what, 0):
        lines.append(line)
        if len(lines) == MOST_PHASES:
            return [*lines, "… and more"]
    return lines


def _parts(parts: Sequence[Part], what: str, since: int) -> Iterator[str]:
    for part in parts:
        begin, end = since + part.begin, None if part.end is None else since + part.end
        if isinstance(part, Piece):
            placed = part._replace(begin=begin, end=end)
            yield f"{_when(begin, end)}: {_what(placed, what)}"
            continue
        count = "endless" if end is None else f"{(end - begin) // part.period:,}"
        yield f"{_when(begin, end)}: {count} rounds of {_ticks(part.period)}; the first:"
        yield from (f"  {line}" for line in _parts(part.parts, what, begin))


def _when(begin: int, end: int | None) -> str:
    if end is None:
        return f"from tick {begin:,} on"
    return f"tick {begin:,}" if end - begin == 1 else f"ticks {begin:,} to {end - 1:,}"


def _what(piece: Piece, what: str) -> str:
    """What the rate or another number does in a phase, in words."""
    row = row_of(piece)
    if row.formula == number(row.first):
        text = "" if piece.kind == "hold" or not piece.text else f" (`{piece.text}`)"
        return f"the {what} stays at {number(row.first)}{text}"
    way = _SHAPES_IN_WORDS.get(piece.kind)
    if way is not None and row.last is not None:
        moves = "rises" if row.last > row.first else "falls"
        end = f"{number(row.last)} at tick {piece.end:,}"
        return f"the {what} {moves} {way} from {number(row.first)} to {end}"
    words = _in_words(piece, row)
    last = "on" if row.last is None else f"to {number(row.last)}"
    formula = f"the {what} follows `{piece.text}`, from {number(row.first)} {last}"
    return f"the {what} {words}" if words else formula


_SHAPES_IN_WORDS = {
    "linear": "in a straight line",
    "cosine": "along half a cosine wave",
    "poly": "along a power of the time that is left",
    "sqrt": "with the square root of the time",
    "exp": "by the same factor each tick",
}


def _in_words(piece: Piece, row: Row) -> str:
    phase = piece.arguments
    match piece.kind:
        case "exp":
            every = phase.get("every", 1.0)
            each = "each tick" if every == 1 else f"every {every:,.6g} ticks"
            return f"begins at {number(row.first)} and is multiplied by {phase['gamma']:.6g} {each}"
        case "step":
            stairs = f"every {phase['every']:,.6g} ticks"
            return f"begins at {number(row.first)}, multiplied by {phase['gamma']:.6g} {stairs}"
        case "multistep" | "piecewise":
            return _milestones(piece, row)
        case "inverse_sqrt":
            scale = phase.get("timescale")
            quarter = "" if scale is None else f"; half is left after {3 * scale:,.6g} ticks"
            return f"falls from {number(row.first)} as 1/sqrt(time){quarter}"
        case "inverse_time":
            return f"falls from {number(row.first)} as 1/time"
        case "restarts":
            grows = "" if phase["mult"] == 1 else f", each {phase['mult']:.6g} times as long"
            first = f"{phase['first']:,.6g} ticks"
            low = _level(phase["min"])
            return f"falls from {number(row.first)} to {low} in cycles of a cosine: {first}{grows}"
        case "cyclic":
            down = phase.get("down", phase["up"])
            low, high = _level(phase["min"]), _level(phase["max"])
            return f"rises from {low} to {high} in {phase['up']:,.6g} ticks, falls in {down:,.6g}"
        case "onecycle":
            top = max(0, round(phase["pct"] * phase["T"]) - 1)
            peak = _level(phase["max"])
            return (
                f"rises from {number(row.first)} to {peak} at tick {piece.begin + top:,}, and falls"
                f" to {_level(phase['b'])}"
            )
        case "plateau":
            return f"is {number(row.first)} until the metric reduces it"
        case _:
            return ""


def _milestones(piece: Piece, row: Row) -> str:
    at = [float(tick) for tick in piece.arguments["at"]]
    track = Track((piece._replace(begin=0, end=None),))
    changes = [
        f"{number(float(f'{track.at(_tick(t)):.6g}'))} from tick {piece.begin + _tick(t):,} on"
        for t in at[:MOST_LISTED]
    ]
    more = f", and {len(at) - MOST_LISTED} more changes" if len(at) > MOST_LISTED else ""
    return f"is {', '.join([number(row.first), *changes])}{more}"


def _tick(position: float) -> int:
    return -int(-position // 1)


def _level(level: Any) -> str:
    return number(tidy(level.value)) if isinstance(level, Number) else f"{level}"
