"""A program for array libraries: a few operations for a few phases, tables for many.

A handful of rows are written out one by one and chosen between. More of them become tables: a
binary search finds the step's row, its numbers are gathered, and formulas that differ only in
numbers are evaluated once. So the number of operations grows with the kinds of formula, and not
with the phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schedlang.formula import Expr, Number, Symbol, skeleton, substitute, symbols
from schedlang.program import Loop, Program, Track
from schedlang.rows import (
    LARGEST,
    Arrays,
    Row,
    Tensor,
    compute,
    count,
    evaluate,
    in_reach,
    is_finite,
    rows,
)
from schedlang.single import Count

FEW = 8
"""Up to so many rows are written out; more go into tables."""


class Rates:
    """The rates of a program as operations of an array library on the step."""

    def __init__(self, program: Program) -> None:
        self._tracks = [_Timeline(track) for track in program.tracks]

    def __call__(self, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
        """The rate at each step.

        Args:
            arrays: the library.
            step: whole numbers of any shape, at least 0.
            dtype: their type: int32, int64, float32 or float64.

        Returns:
            A float32 tensor of the same shape.
        """
        rate: Tensor = None
        for track in self._tracks:
            factor = track(arrays, step, dtype)
            rate = factor if rate is None else rate * factor
        if isinstance(rate, float):
            return arrays.full_like(arrays.cast(step, "float32"), rate)
        return rate


class _Timeline:
    """One track."""

    def __init__(self, track: Track) -> None:
        self._all = rows(track)
        self._loop: Loop | None = track.loop

    def __call__(self, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
        """The value at each step; a float if it is always the same."""
        if self._loop is not None:
            step = _in_first_round(self._loop, arrays, step, dtype)
        reachable = self._reachable(LARGEST[dtype])
        if isinstance(reachable, _Table):
            return reachable(arrays, step, dtype)
        rate = evaluate(reachable[0], arrays, step, dtype)
        for row in reachable[1:]:
            here = evaluate(row, arrays, step, dtype)
            rate = arrays.where(step < row.begin, _float32(rate), _float32(here))
        return rate

    def _reachable(self, last: int) -> _Table | list[Row]:
        if last not in self._by_last:
            found = [in_reach(row, last) for row in self._all if row.begin <= last]
            self._by_last[last] = _Table(found, last) if len(found) > FEW else found
        return self._by_last[last]

    @cached_property
    def _by_last(self) -> dict[int, _Table | list[Row]]:
        return {}


def _in_first_round(loop: Loop, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
    if loop.begin + loop.period > LARGEST[dtype]:
        return step
    if not loop.begin:
        return arrays.mod(step, loop.period)
    again = arrays.mod(step - loop.begin, loop.period) + loop.begin
    return arrays.where(step < loop.begin, step, again)


def _float32(rate: Tensor) -> Tensor:
    import numpy as np

    return np.float32(rate) if isinstance(rate, float) else rate


class _Columns:
    """A table whose columns are gathered together; those that never change are plain numbers."""

    def __init__(self, columns: Sequence[Sequence[float]]) -> None:
        self._columns = columns
        self._same = [all(x == column[0] for x in column) for column in columns]

    def gather(self, arrays: Arrays, index: Tensor, dtype: str) -> list[Any]:
        """Each column's entries at these rows."""
        import numpy as np

        moving = [column for column, same in zip(self._columns, self._same, strict=True) if not same]
        found: list[Any] = []
        if moving:
            table = np.array(moving, dtype).T.copy()
            found = list(arrays.unstack(arrays.take(table, index, axis=0), axis=-1))
        found.reverse()
        return [
            column[0] if same else found.pop()
            for column, same in zip(self._columns, self._same, strict=True)
        ]


@dataclass(frozen=True)
class _Kind:
    """Rows with one formula but for its numbers.

    Attributes:
        first: one of them.
        formula: over the counts ``x0, x1, …`` and the numbers ``c0, c1, …`` that differ.
        slots: which count of its sort each of its counts is.
        finite: whether the formula is finite for the numbers of other kinds too.
    """

    first: int
    formula: Expr
    slots: tuple[tuple[str, int], ...]
    finite: bool


class _Table:
    """Many rows: a binary search, their numbers in columns, and one formula for each kind."""

    def __init__(self, found: Sequence[Row], last: int) -> None:
        self._rows = found
        members: dict[tuple[Expr, tuple[str, ...]], list[int]] = {}
        numbers = []
        for i, row in enumerate(found):
            shape, constants = skeleton(row.curve)
            numbers.append(constants)
            members.setdefault((shape, tuple(c.what for c in row.counts)), []).append(i)
        self._kinds: list[_Kind] = []
        kind_of = [0] * len(found)
        kept: list[list[float]] = [[] for _ in found]
        for (shape, sorts), indices in members.items():
            fixed: dict[str, Expr] = {}
            for j, column in enumerate(zip(*(numbers[i] for i in indices), strict=True)):
                if all(x == column[0] for x in column):
                    fixed[f"c{j}"] = Number(column[0])
                    continue
                fixed[f"c{j}"] = Symbol(f"c{len(kept[indices[0]])}")
                for i, x in zip(indices, column, strict=True):
                    kept[i].append(x)
            formula = substitute(shape, fixed)
            slots = tuple((sort, sorts[:k].count(sort)) for k, sort in enumerate(sorts))
            for i in indices:
                kind_of[i] = len(self._kinds)
            self._kinds.append(_Kind(indices[0], formula, slots, is_finite(formula, {})))
        width = max(map(len, kept))
        self._numbers = _Columns([[_entry(row, j) for row in kept] for j in range(width)])
        self._slots = sorted({slot for kind in self._kinds for slot in kind.slots})
        whole = [
            [kind_of[i], row.begin, last if row.end is None else row.end, *self._counts(i)]
            for i, row in enumerate(found)
        ]
        self._whole = _Columns(list(zip(*whole, strict=True)))

    def _counts(self, index: int) -> list[int]:
        """The row's counts as numbers, all slots; one that the row lacks is harmless."""
        row = self._rows[index]
        sorts = [c.what for c in row.counts]
        counts = {(c.what, sorts[:k].count(c.what)): c for k, c in enumerate(row.counts)}
        return [
            number
            for slot in self._slots
            for number in counts.get(slot, Count("since", row.begin))[1:]
        ]

    def __call__(self, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
        """The value at each step."""
        import numpy as np

        begins = np.array([row.begin for row in self._rows[1:]], dtype)
        shape = arrays.shape(step)
        index = arrays.searchsorted(begins, arrays.reshape(step, (-1,)), side="right")
        index = arrays.reshape(index, shape)
        kind_of, begin, end, *fields = self._whole.gather(arrays, index, dtype)
        step = arrays.minimum(arrays.maximum(step, begin), end)
        known = {}
        for k, (sort, _) in enumerate(self._slots):
            anchor, numerator, denominator, offset = fields[4 * k : 4 * k + 4]
            what: Any = sort
            known[self._slots[k]] = count(
                Count(what, anchor, numerator, denominator, offset), arrays, step, dtype
            )
        shared = self._numbers.gather(arrays, index, "float32")
        rate: Tensor = None
        for i, kind in enumerate(self._kinds):
            own = None if len(self._kinds) == 1 else arrays.equal(kind_of, i)
            here = self._evaluate(kind, own, arrays, index, known, shared)
            rate = here if rate is None else arrays.where(own, _float32(here), _float32(rate))
        return rate

    def _evaluate(
        self,
        kind: _Kind,
        own: Tensor,
        arrays: Arrays,
        index: Tensor,
        known: dict[tuple[str, int], Tensor],
        numbers: list[Any],
    ) -> Tensor:
        """The kind's formula; where the step's row is of another kind, that of its first row."""
        counts = {f"x{i}": known[slot] for i, slot in enumerate(kind.slots)}
        if not kind.finite and own is not None:
            first = self._rows[kind.first]
            safe = first.counted(first.begin + (first.end or first.begin + 2 - first.begin) // 2)
            counts = {name: arrays.where(own, x, _float32(safe[name])) for name, x in counts.items()}
            index = arrays.where(own, index, arrays.cast(kind.first, "int32"))
            numbers = self._numbers.gather(arrays, index, "float32")
        names = {f"c{j}": number for j, number in enumerate(numbers)}
        return compute(kind.formula, arrays, {**counts, **names})


def _entry(row: list[float], j: int) -> float:
    return row[j] if j < len(row) else 0.0
