"""A program for array libraries: a few operations for a few phases, tables for many.

A few segments are evaluated one by one, and the result is chosen between them. More segments become
tables: a binary search finds the row of a step, its numbers are gathered, and formulas that differ
only in numbers are evaluated once. So the number of operations depends on the number of different
formulas and not on the number of phases.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

from schedlang.arrays.float32 import LARGEST_EXPONENT, TickCount
from schedlang.arrays.segments import (
    FAR,
    LARGEST_OF_TYPE,
    ArrayLibrary,
    Evaluation,
    Segment,
    Tensor,
    Ticks,
    array_count,
    compiled,
    count_at,
    evaluation,
    in_reach,
    segments,
)
from schedlang.formula.expressions import (
    Apply,
    Expr,
    Number,
    Symbol,
    exp,
    minimum,
    rebuild,
    skeleton,
    substitute,
)
from schedlang.formula.intervals import Interval, stays_finite
from schedlang.program.program import Loop, Program, Track

FEW = 8
"""The maximum number of segments that are evaluated one by one; more go into tables."""

_CountKind: TypeAlias = Literal["ticks", "rounds", "remainder"]
_Slot: TypeAlias = tuple[_CountKind, int]


class ArrayRates:
    """The rates of a program as operations of an array library on the step."""

    def __init__(self, program: Program, arrays: ArrayLibrary) -> None:
        self._arrays = arrays
        self._tracks = [_Timeline(track, arrays) for track in program.tracks]
        self._updates = program.steps_per_epoch if program.tick == "epoch" else None

    def __call__(self, step: Tensor, dtype: str) -> Tensor:
        """The rate at each step.

        Args:
            step: the updates made so far, whole numbers of any shape, at least 0.
            dtype: their type: int32, int64, float32 or float64.

        Returns:
            A float32 tensor of the same shape.
        """
        if self._updates is not None:  # each value is held for an epoch
            held = step - step % self._updates
            step = held / self._updates if dtype.startswith("float") else held // self._updates
        ticks = Ticks(step, self._arrays)
        rate: Tensor = None
        for track in self._tracks:
            factor = track(ticks, dtype)
            rate = factor if rate is None else rate * factor
        if isinstance(rate, float):
            return self._arrays.full_like(ticks.near, rate)
        return rate


class _Timeline:
    """One track."""

    def __init__(self, track: Track, arrays: ArrayLibrary) -> None:
        self._segments = segments(track)
        self._loop: Loop | None = track.loop
        self._arrays = arrays
        self._by_dtype: dict[str, Evaluation] = {}

    def __call__(self, ticks: Ticks, dtype: str) -> Tensor | float:
        """The value at each tick; a float if it is constant."""
        if self._loop is not None:
            ticks = Ticks(
                _in_first_round(self._loop, self._arrays, ticks.whole, dtype), self._arrays
            )
        evaluate = self._by_dtype.get(dtype)
        if evaluate is None:
            last = LARGEST_OF_TYPE[dtype]
            found = [in_reach(one, last) for one in self._segments if one.begin <= last]
            choose = _Table if len(found) > FEW else _Choice
            evaluate = self._by_dtype[dtype] = choose(found, self._arrays, dtype)
        return evaluate(ticks)


class _Choice:
    """A few segments, evaluated one by one."""

    def __init__(self, found: Sequence[Segment], arrays: ArrayLibrary, dtype: str) -> None:
        self._where = arrays.where
        first, *others = (evaluation(segment, arrays, dtype) for segment in found)
        self._first = first
        begins = [segment.begin for segment in found[1:]]
        self._others = list(zip(begins, others, strict=True))

    def __call__(self, ticks: Ticks) -> Tensor | float:
        rate = self._first(ticks)
        for begin, evaluate in self._others:
            here = evaluate(ticks)
            if isinstance(here, float) and isinstance(rate, float):
                here = _float32(here)  # else the library chooses the common type
            rate = self._where(ticks.before(begin), rate, here)
        return rate


def _in_first_round(loop: Loop, arrays: ArrayLibrary, step: Tensor, dtype: str) -> Tensor:
    if loop.begin + loop.period > LARGEST_OF_TYPE[dtype]:
        return step
    if not loop.begin:
        return step % loop.period
    again = (step - loop.begin) % loop.period + loop.begin
    return arrays.where(step < loop.begin, step, again)


def _float32(rate: Tensor) -> Tensor:
    import numpy as np

    return np.float32(rate) if isinstance(rate, float) else rate


class _Columns:
    """A table whose columns are gathered together; constant columns are plain numbers."""

    def __init__(self, table: Sequence[Sequence[float]], arrays: ArrayLibrary, dtype: str) -> None:
        import numpy as np

        self._arrays = arrays
        columns = list(zip(*table, strict=True))
        self._same = [c[0] if all(x == c[0] for x in c) else None for c in columns]
        moving = [c for c, same in zip(columns, self._same, strict=True) if same is None]
        self._table = np.ascontiguousarray(np.array(moving, dtype).T)

    def gather(self, index: Tensor) -> list[Any]:
        """Each column's entries at these rows."""
        found: list[Any] = []
        if self._table.size:
            rows = self._arrays.take(self._table, index, axis=0)
            found = list(reversed(self._arrays.unstack(rows, axis=-1)))
        return [found.pop() if same is None else same for same in self._same]


@dataclass(frozen=True)
class _RowFormula:
    """Rows whose formulas differ only in numbers.

    Attributes:
        first: the index of the first row.
        slots: for each of its counts, its kind and its index among the counts of that kind.
        inside: its counts at a tick inside the first row.
        finite: whether the formula is also finite for the counts and numbers of other rows.
        run: the formula, as a function of the counts and the numbers that differ.
    """

    first: int
    slots: tuple[_Slot, ...]
    inside: tuple[float, ...]
    finite: bool
    run: Callable[[Iterable[Tensor]], Tensor]


class _Table:
    """Many segments: a binary search, their numbers in columns, and the different formulas."""

    def __init__(self, found: Sequence[Segment], arrays: ArrayLibrary, dtype: str) -> None:
        import numpy as np

        self._arrays = arrays
        self._dtype = dtype
        self._begins = np.array([segment.begin for segment in found[1:]], dtype)
        self._formulas, formula_of, numbers = _formulas(found, arrays)
        self._slots = sorted({slot for each in self._formulas for slot in each.slots})
        counts = [self._counts(segment) for segment in found]
        whole = [
            [each, *chain(*(c[1:] for c in own))]
            for each, own in zip(formula_of, counts, strict=True)
        ]
        self._whole = _Columns(whole, arrays, dtype)
        last = LARGEST_OF_TYPE[dtype]
        ends = [(one.begin, last if one.end is None else one.end) for one in found]
        near = [
            [*(count_at(c, tick) for c in own for tick in both), *constants]
            for both, own, constants in zip(ends, counts, numbers, strict=True)
        ]
        self._near = _Columns(near, arrays, "float32")
        self._bounds = 2 * len(self._slots)

    def _counts(self, segment: Segment) -> list[TickCount]:
        """The segment's counts in all slots; a slot that it does not use gets a harmless one."""
        own = dict(zip(_slots(segment), segment.counts, strict=True))
        return [own.get(slot, TickCount(slot[0], segment.begin)) for slot in self._slots]

    def __call__(self, ticks: Ticks) -> Tensor:
        """The value at each tick."""
        arrays, step = self._arrays, ticks.whole
        index = arrays.searchsorted(self._begins, arrays.reshape(step, (-1,)), side="right")
        index = arrays.reshape(index, arrays.shape(step))
        own_formula, *whole = self._whole.gather(index)
        near = self._near.gather(index)
        known = {}
        for k, slot in enumerate(self._slots):
            x = array_count(
                TickCount(slot[0], *whole[4 * k : 4 * k + 4]), arrays, step, self._dtype
            )
            if slot[0] != "remainder":
                x = arrays.minimum(arrays.maximum(x, near[2 * k]), near[2 * k + 1])
            known[slot] = x
        rate: Tensor = None
        for i, each in enumerate(self._formulas):
            counts, numbers = [known[slot] for slot in each.slots], near[self._bounds :]
            own = None if len(self._formulas) == 1 else own_formula == i
            if own is not None and not each.finite:
                # If the step's row has another formula, this one is evaluated inside its first row.
                counts = [
                    arrays.where(own, x, _float32(inside))
                    for x, inside in zip(counts, each.inside, strict=True)
                ]
                safe = arrays.where(own, index, arrays.cast(each.first, "int32"))
                numbers = self._near.gather(safe)[self._bounds :]
            here = each.run([*counts, *numbers])
            rate = here if rate is None else arrays.where(own, _float32(here), _float32(rate))
        return rate


def _slots(segment: Segment) -> tuple[_Slot, ...]:
    sorts = [c.kind for c in segment.counts]
    return tuple((sort, sorts[:k].count(sort)) for k, sort in enumerate(sorts))


def _formulas(
    found: Sequence[Segment], arrays: ArrayLibrary
) -> tuple[list[_RowFormula], list[int], list[list[float]]]:
    """The formulas of the rows; for each row, the index of its formula, and its own numbers."""
    members: dict[tuple[Expr, tuple[_Slot, ...]], list[int]] = {}
    numbers = []
    for i, segment in enumerate(found):
        shape, constants = skeleton(segment.curve)
        numbers.append(constants)
        members.setdefault((shape, _slots(segment)), []).append(i)
    names = [f"c{j}" for j in range(max(map(len, numbers)))]
    written: list[tuple[int, tuple[_Slot, ...], tuple[float, ...], Expr]] = []
    formula_of = [0] * len(found)
    differing: list[list[float]] = [[] for _ in found]
    for (shape, slots), indices in members.items():
        moved: dict[str, Expr] = {}
        for name, column in zip(
            names, zip(*(numbers[i] for i in indices), strict=True), strict=False
        ):
            if all(x == column[0] for x in column):
                moved[name] = Number(column[0])
                continue
            moved[name] = Symbol(names[len(differing[indices[0]])])
            for i, x in zip(indices, column, strict=True):
                differing[i].append(x)
        formula = substitute(shape, moved)
        first = found[indices[0]]
        middle = first.begin + 1 if first.end is None else (first.begin + first.end) // 2
        for i in indices:
            formula_of[i] = len(written)
        inside = tuple(first.counts_at(middle).values())
        written.append((indices[0], slots, inside, formula))
    width = max(map(len, differing))
    table = [[*row, *[0.0] * (width - len(row))] for row in differing]
    ranges = {
        f"x{i}": Interval(-FAR, FAR) for i in range(max(len(slots) for _, slots, _, _ in written))
    }
    for name, column in zip(names, zip(*table, strict=True), strict=False):
        ranges[name] = Interval(min(column), max(column))
    formulas = []
    for index, slots, inside, bare in written:
        others = len(written) > 1  # whose numbers it is evaluated for too
        formula = _capped(bare) if others and not stays_finite(bare, ranges) else bare
        over = [*(f"x{i}" for i in range(len(slots))), *names[:width]]
        finite = stays_finite(formula, ranges)
        formulas.append(_RowFormula(index, slots, inside, finite, compiled(formula, arrays, over)))
    return formulas, formula_of, table


def _capped(e: Expr) -> Expr:
    """The formula with exponents that stay finite."""
    match rebuild(e, _capped):
        case Apply("exp", (x,)):
            return exp(minimum(x, LARGEST_EXPONENT))
        case other:
            return other


def refuse_plateau(program: Program, target: str, instead: str) -> None:
    """Raise an error for a schedule that is not a function of the step alone.

    Raises:
        ValueError: if the schedule ends in a `plateau`; the message has an alternative.
    """
    if program.plateau is not None:
        raise ValueError(f"`plateau` needs metrics, which {target} does not get: use {instead}")


def refuse_epochs(program: Program, target: str) -> None:
    """Raise an error for a schedule in epochs of unknown length.

    Raises:
        ValueError: if a tick is an epoch, and `steps_per_epoch` is not set.
    """
    if program.tick == "epoch" and program.steps_per_epoch is None:
        message = f"{target} counts updates, but this schedule counts epochs"
        raise ValueError(f"{message}: set steps_per_epoch=")


def steps_per_update(gradient_accumulation_steps: int) -> int:
    """The number of batches per update, checked.

    Raises:
        ValueError: if it is less than 1, or not whole.
    """
    try:
        steps = operator.index(gradient_accumulation_steps)
    except TypeError:
        steps = 0
    if steps < 1:
        wrong = f"not {gradient_accumulation_steps!r}"
        raise ValueError(
            f"gradient_accumulation_steps must be a whole number of at least 1, {wrong}"
        )
    return steps
