"""`diff`: whether two schedules have the same values; else the first and largest differences."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schedlang.cli.inputs import Input, find_all, is_folder
from schedlang.cli.output import UsageError, write_stdout
from schedlang.cli.pairing import BoundLine, pairs
from schedlang.cli.shared import bound_plan, reported, settings
from schedlang.formula.notation import number
from schedlang.plan.reading import Line
from schedlang.plot import MOST_POINTS, both_in_terminal, horizon
from schedlang.program.program import Program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from schedlang.formula.evaluate import Array

TOLERANCE = 1e-9
"""Rates with at most this difference, relative to the larger one, are equal."""
SAMPLES = 200_000
"""For longer curves, only this many ticks are compared, and both sides of every boundary."""


def diff(options: argparse.Namespace) -> int:
    """Compare two schedules, or the schedules of two files by key; 1 if any differ."""
    given = settings(options)
    if len(options.schedules) != 2:
        raise UsageError(f"`diff` takes two schedules, not {len(options.schedules)}")
    first, second = (_by_key(argument, options.key) for argument in options.schedules)
    if len(first) == len(second) == 1:  # the keys may differ
        ((_, a),), ((_, b),) = first.items(), second.items()
        return int(_differ(a, b, given, options))
    differ = False
    for key in dict.fromkeys([*first, *second]):
        if key in first and key in second:
            differ |= _differ(first[key], second[key], given, options)
        else:
            there = first.get(key) or second[key]
            write_stdout(f"only in {there.place}")
            differ = True
    return int(differ)


def _by_key(argument: str, key: str | None) -> Mapping[str | None, Input]:
    if is_folder(argument):
        raise UsageError(f"{argument} is a folder: give a file")
    return {found.key: found for found in find_all(argument, key)}


def _differ(a: Input, b: Input, given: dict[str, Any], options: argparse.Namespace) -> bool:
    """Print how two schedules differ. Returns whether they do."""
    a, b = (each.with_clock(given.get("clock")) for each in (a, b))
    title = f"{a.place or 'A'} and {b.place or 'B'}"
    if a.is_plan or b.is_plan:
        return _plans_differ(title, _lines(a, given), _lines(b, given), options)
    first, second = (_bound(each, given) for each in (a, b))
    compared = compare_curves(first, second, options.ticks)
    lines = list(_described(compared, first, second))
    if not lines:
        write_stdout(f"{title}: the same, on {compared.on}")
        return False
    write_stdout(
        "\n".join([f"{title} differ", f"  A: {first.text}", f"  B: {second.text}", *lines])
    )
    _draw(compared)
    return True


def _plans_differ(
    title: str, first: Sequence[BoundLine], second: Sequence[BoundLine], options: argparse.Namespace
) -> bool:
    """Print how two plans differ, line by line. Returns whether they do."""
    same: list[str] = []
    paired = list(pairs(first, second))
    for pair in paired:
        a, b = pair.first, pair.second
        texts = ["no line" if each is None else str(each[0].schedule) for each in (a, b)]
        lines, compared = [""], None
        if a is not None and b is not None:
            compared = compare_curves(a[1], b[1], options.ticks)
            lines = list(_described(compared, a[1], b[1]))
        if not lines:
            same.append(pair.label)
            continue
        head = [f"{title} differ in {pair.label}", f"  A: {texts[0]}", f"  B: {texts[1]}"]
        write_stdout("\n".join([*head, *filter(None, lines)]))
        if compared is not None:
            _draw(compared, pair.label)
    if same:
        write_stdout(f"{title}: the same in {', '.join(same)}")
    return len(same) < len(paired)


def _draw(compared: Comparison, of: str | None = None) -> None:
    """Draw both curves, if they differ and the libraries are installed."""
    if not compared.differs:
        return
    try:
        write_stdout("\n" + both_in_terminal(compared.first, compared.second, compared.last, of))
    except ModuleNotFoundError as error:
        if error.name not in ("matplotlib", "plotext"):
            raise


def _bound(found: Input, given: dict[str, Any]) -> Program:
    with reported(found):
        return found.schedule().bind(**given)


def _lines(found: Input, given: dict[str, Any]) -> list[BoundLine]:
    """The lines of a plan with their programs; a single line is a plan with only `lr`."""
    if not found.is_plan:
        program = _bound(found, given)
        return [(Line("lr", None, found.schedule()), program)]
    return bound_plan(found, given)[1]


# ── The comparison ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Comparison:
    """Two curves on the same ticks.

    Attributes:
        first: the first program.
        second: the second program.
        ticks: the ticks that were compared.
        rates: the rates of the first program.
        others: the rates of the second program.
        differing: the indexes at which the rates differ.
    """

    first: Program
    second: Program
    ticks: NDArray[np.int64]
    rates: Array
    others: Array
    differing: NDArray[np.int64]

    @property
    def differs(self) -> bool:
        return bool(len(self.differing))

    @property
    def last(self) -> int:
        return int(self.ticks[-1]) + 1

    @property
    def on(self) -> str:
        count = len(self.ticks)
        if count == self.last:
            return f"the first {count:,} ticks"
        return f"{count:,} of the first {self.last:,} ticks"


def compare_curves(first: Program, second: Program, ticks: int | None = None) -> Comparison:
    """Compare two curves up to the tick after the end of the longer one.

    Raises:
        UsageError: if one counts epochs and the other updates.
    """
    import numpy as np

    if {first.tick, second.tick} == {"step", "epoch"}:
        raise UsageError(
            "A counts "
            f"{'updates' if first.tick == 'step' else 'epochs'} and B does not: set clock= in both"
        )
    last = ticks or max(_last(first), _last(second))
    at = np.arange(last, dtype=np.int64) if last <= MOST_POINTS else _samples(first, second, last)
    rates, others = (_rates(program, at) for program in (first, second))
    apart = np.abs(rates - others) > TOLERANCE * np.maximum(np.abs(rates), np.abs(others))
    (differing,) = np.nonzero(apart)
    return Comparison(first, second, at, rates, others, differing)


def _last(program: Program) -> int:
    return horizon(program) if program.length is None else program.length + 1


def _rates(program: Program, at: NDArray[np.int64]) -> Array:
    import numpy as np

    if len(at) == at[-1] + 1:
        return program.curve(len(at))
    return np.array([program.at(int(tick)) for tick in at])


def _samples(first: Program, second: Program, last: int) -> NDArray[np.int64]:
    """Evenly spaced ticks, and both sides of each boundary."""
    import numpy as np

    begins = (p.begin for program in (first, second) for t in program.tracks for p in t.pieces)
    edges = {tick for begin in begins for tick in (begin - 1, begin, begin + 1)}
    even = (last * i // SAMPLES for i in range(SAMPLES))
    ticks = sorted(tick for tick in {*edges, *even, last - 1} if 0 <= tick < last)
    return np.array(ticks, dtype=np.int64)


def _described(compared: Comparison, first: Program, second: Program) -> Iterator[str]:
    """The differences in words; empty if there are none."""
    import numpy as np

    if compared.differs:
        index = int(compared.differing[0])
        tick = _first_tick(compared, index)
        yield f"  first at tick {tick:,}: {_pair(first.at(tick), second.at(tick))}"
        most = int(np.argmax(np.abs(compared.rates - compared.others)))
        rates = float(compared.rates[most]), float(compared.others[most])
        yield f"  most at tick {int(compared.ticks[most]):,}: {_pair(*rates)}"
        yield f"  on {len(compared.differing):,} of {len(compared.ticks):,} ticks"
    for name, a, b in _others(first, second):
        yield f"  {name}: {a} and {b}"


def _first_tick(compared: Comparison, index: int) -> int:
    """The first tick that differs, searched between samples if not all ticks were compared."""
    low = int(compared.ticks[index - 1]) if index else -1
    high = int(compared.ticks[index])
    while high - low > 1:
        middle = (low + high) // 2
        rates = compared.first.at(middle), compared.second.at(middle)
        low, high = (middle, high) if math.isclose(*rates, rel_tol=TOLERANCE) else (low, middle)
    return high


def _pair(a: float, b: float) -> str:
    if not a:
        change = ""
    elif 0.5 < b / a < 2:
        change = f" ({100 * (b - a) / a:+.3g}%)"
    else:
        change = f" ({b / a:.3g} times as much)"
    return f"{_short(a)} and {_short(b)}{change}"


def _short(rate: float) -> str:
    return number(float(f"{rate:.6g}"))


def _others(first: Program, second: Program) -> Iterator[tuple[str, str, str]]:
    """Differences other than rates: the tick, the plateau, the momentum."""
    if first.plateau is not None or second.plateau is not None:
        texts = [_plateau(program) for program in (first, second)]
        if texts[0] != texts[1]:
            yield "plateau", texts[0], texts[1]
    if first.momentum is not None or second.momentum is not None:
        a, b = (None if p.momentum is None else p.momentum.pieces[0].text for p in (first, second))
        if a != b:
            yield "momentum", f"`{a}`", f"`{b}`"


def _plateau(program: Program) -> str:
    return "none" if program.plateau is None else f"`{program.plateau['text']}`"
