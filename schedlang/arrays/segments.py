"""The segments of a track (parts without a jump), and their evaluation as array operations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from schedlang.arrays.float32 import SmoothPart, TickCount, smooth_parts
from schedlang.arrays.stable import TINY
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    ZERO,
    Apply,
    Expr,
    Number,
    Operation,
    Symbol,
    maximum,
    rebuild,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.intervals import Interval, stays_finite
from schedlang.program.program import Track

LARGEST_OF_TYPE = {
    "int32": 2**31 - 1,
    "int64": 2**63 - 1,
    "float32": 2**63 - 1,
    "float64": 2**63 - 1,
}
"""The last supported tick, by the type in which ticks are counted."""

LAST_EXACT = 2**24
"""Up to this tick, every tick is exact in float32."""

FAR = 2**62
"""No step is beyond this tick."""

Tensor: TypeAlias = Any


class ArrayLibrary(Protocol):
    """An array library under NumPy's names (``where``, ``take``, ``cos`` …), and ``cast``."""

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """The tensor in another type."""

    def __getattr__(self, name: str) -> Callable[..., Tensor]: ...


@dataclass(frozen=True)
class Segment:
    """A part of a track without a jump.

    Attributes:
        begin: its first tick.
        end: the tick at which its formula stops; None if it never ends.
        counts: the variables of its formula, with anchors in ticks of the run.
        curve: its formula.
        after_begin: whether the formula must not be evaluated before the begin.
        before_end: whether the formula must not be evaluated after the end.
    """

    begin: int
    end: int | None
    counts: tuple[TickCount, ...]
    curve: Expr
    after_begin: bool = False
    before_end: bool = False

    def at(self, tick: int) -> float:
        """The formula's value at a tick, in doubles."""
        return value(self.curve, self.counts_at(tick))

    def counts_at(self, tick: int) -> dict[str, float]:
        """The values of the formula's variables at a tick."""
        return {f"x{i}": count_at(count, tick) for i, count in enumerate(self.counts)}


def count_at(count: TickCount, tick: int) -> float:
    """The value of a count at a tick."""
    since = tick - count.anchor
    rounds, rest = divmod(since * count.denominator, count.numerator)
    match count.kind:
        case "ticks":
            return float(since)
        case "rounds":
            return float(rounds - count.offset)
        case "remainder":
            return float(rest - count.offset)


def segments(track: Track) -> list[Segment]:
    """The segments of a track, without those that only hold the previous segment's end level."""
    kept: list[Segment] = []
    for segment in _placed(track):
        last = kept[-1] if kept else None
        if last is not None and _holds(last, segment.curve):
            kept[-1] = replace(last, before_end=bool(last.counts))
        else:
            kept.append(segment)
    return kept


def _holds(segment: Segment, level: Expr) -> bool:
    """Whether the segment has this level when its counts are clamped at its end."""
    if segment.end is None or not isinstance(level, Number):
        return False
    if any(count.kind == "remainder" for count in segment.counts):  # these are not clamped
        return False
    return abs(segment.at(segment.end) - level.value) <= 1e-9 * abs(level.value)


def _placed(track: Track) -> Iterator[Segment]:
    written: dict[tuple[int, int | None], list[SmoothPart]] = {}
    for piece in track.pieces:
        length = None if piece.end is None else piece.end - piece.begin
        key = id(piece.curve), length  # rounds of a repeat share their curves
        parts = written.get(key)
        if parts is None:
            parts = written[key] = list(smooth_parts(piece.curve, length))
        for part in parts:
            begin = piece.begin + part.begin
            end = None if part.end is None else piece.begin + part.end
            counts = tuple(c._replace(anchor=piece.begin + c.anchor) for c in part.counts)
            segment = Segment(begin, end, counts, part.curve)
            yield replace(
                segment,
                after_begin=begin > 0 and not _is_finite(segment, 0, begin),
                before_end=end is not None and not _is_finite(segment, end, FAR),
            )


def in_reach(segment: Segment, last: int) -> Segment:
    """The segment for a library whose ticks end at ``last``."""
    counts, moved = [], dict[str, Expr]()
    for i, count in enumerate(segment.counts):
        name, here = f"x{i}", count
        if here.numerator > last:  # the first period never ends
            if here.kind == "rounds":
                moved[name] = Number(-float(here.offset))
                here = TickCount("ticks", segment.begin)
            else:
                here = TickCount("ticks", here.anchor + here.offset)
        if here.anchor > last:
            moved[name] = Symbol(name) + float(last - here.anchor)
            here = here._replace(anchor=last)
        counts.append(here)
    end = segment.end if segment.end is not None and segment.end <= last else None
    return replace(segment, end=end, counts=tuple(counts), curve=substitute(segment.curve, moved))


def _is_finite(segment: Segment, first: int, last: int) -> bool:
    """Whether the formula and its slope are finite at these ticks outside the segment."""
    ranges = {}
    for i, count in enumerate(segment.counts):
        if count.kind == "remainder":
            ends = -float(count.offset), float(count.numerator - count.offset)
        else:
            ends = count_at(count, first), count_at(count, last)
        ranges[f"x{i}"] = Interval(*ends)
    return stays_finite(segment.curve, ranges)


# ------------------------------------------------------------------------- as array operations

_OPERATORS: dict[Operation, Callable[..., Tensor]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
_NAMES: dict[Operation, str] = {
    "pow": "power", "min": "minimum", "max": "maximum",
    "and": "logical_and", "or": "logical_or", "not": "logical_not",
}  # fmt: skip


def compiled(
    e: Expr, arrays: ArrayLibrary, names: Iterable[str]
) -> Callable[[Iterable[Tensor]], Tensor]:
    """The expression as a function of the values of these symbols.

    Common subexpressions are computed once. A call iterates over a list and walks no tree, which is
    faster if every operation is called from Python.
    """
    numbers = dict.fromkeys(part for part in walk(e) if isinstance(part, Number))
    places: dict[Expr, int] = {}
    known: list[Expr] = [*map(Symbol, names), *numbers]
    for part in known:
        places[part] = len(places)
    constants = [number.value for number in numbers]
    calls: list[tuple[Callable[..., Tensor], list[int]]] = []

    def place(part: Expr) -> int:
        if part not in places:
            assert isinstance(part, Apply)
            call = _OPERATORS.get(part.op) or getattr(arrays, _NAMES.get(part.op, part.op))
            calls.append((call, [place(arg) for arg in part.args]))
            places[part] = len(places)
        return places[part]

    last = place(e)

    def run(inputs: Iterable[Tensor]) -> Tensor:
        values = [*inputs, *constants]
        for call, args in calls:
            values.append(call(*[values[i] for i in args]))
        return values[last]

    return run


class Ticks:
    """Ticks in the type in which they are counted, and, computed on first use, as float32."""

    def __init__(self, whole: Tensor, arrays: ArrayLibrary) -> None:
        self.whole = whole
        self._arrays = arrays

    @cached_property
    def near(self) -> Tensor:
        """The ticks as float32, which is exact up to `LAST_EXACT`."""
        return self._arrays.cast(self.whole, "float32")

    def before(self, tick: int) -> Tensor:
        """Whether each is before this tick."""
        return self.near < float(tick) if tick <= LAST_EXACT else self.whole < tick


Evaluation: TypeAlias = Callable[[Ticks], "Tensor | float"]


def evaluation(segment: Segment, arrays: ArrayLibrary, dtype: str) -> Evaluation:
    """One segment's formula as a function of the ticks; a float if it is constant."""
    if not symbols(segment.curve):
        level = value(segment.curve, {})
        return lambda _: level
    names = [f"x{i}" for i in range(len(segment.counts))]
    # For a count that only occurs as ``max(x, TINY)``, the maximum is part of its clipping.
    kept: dict[Expr, Symbol] = {maximum(Symbol(name), TINY): Symbol(name) for name in names}
    bare = symbols(_replace(segment.curve, dict.fromkeys(kept, ZERO)))
    kept = {e: count for e, count in kept.items() if count.name not in bare}
    run = compiled(_replace(segment.curve, kept), arrays, names)
    inputs = [
        _clamped(segment, count, arrays, dtype, -math.inf if name in bare else TINY)
        for name, count in zip(names, segment.counts, strict=True)
    ]
    return lambda ticks: run([x(ticks) for x in inputs])


def _replace(e: Expr, parts: Mapping[Expr, Expr]) -> Expr:
    return parts[e] if e in parts else rebuild(e, lambda part: _replace(part, parts))


def _clamped(
    segment: Segment, count: TickCount, arrays: ArrayLibrary, dtype: str, least: float
) -> Callable[[Ticks], Tensor]:
    """A count of the segment, clipped to where its formula is finite, and to at least ``least``."""
    x = _counting(segment, count, arrays, dtype)
    first, last = least, math.inf
    if count.kind != "remainder":
        first = max(first, count_at(count, segment.begin)) if segment.after_begin else first
        last = (
            count_at(count, segment.end) if segment.before_end and segment.end is not None else last
        )
    if (first, last) == (-math.inf, math.inf):
        return x
    # Keras' `clip` is cheaper than its `minimum` and `maximum`.
    return lambda ticks: arrays.clip(x(ticks), first, last)


def _counting(
    segment: Segment, count: TickCount, arrays: ArrayLibrary, dtype: str
) -> Callable[[Ticks], Tensor]:
    """A count of the segment: in floats where they are exact, else in integers."""
    ends = segment.end is not None and segment.end <= LAST_EXACT and count.anchor <= LAST_EXACT
    if count.kind != "ticks" or not (ends or count.anchor <= LAST_EXACT >> 4):
        return lambda ticks: array_count(count, arrays, ticks.whole, dtype)
    if not count.anchor:
        return lambda ticks: ticks.near
    anchor = float(count.anchor)
    return lambda ticks: ticks.near - anchor


def array_count(count: TickCount, arrays: ArrayLibrary, step: Tensor, dtype: str) -> Tensor:
    """A count as float32; each of its numbers may be a tensor of integers."""
    # Operators, and not functions such as `mod`: Keras makes an int32 of PyTorch's int64 in those.
    anchor = _like(count.anchor, dtype)
    since = step if isinstance(anchor, int) and not anchor else step - anchor
    if count.kind == "ticks":
        return arrays.cast(since, "float32")
    if dtype.startswith("float"):
        numerator = _like(count.numerator, dtype)
        rest = since % numerator
        rounds = (since - rest) / numerator
        if not isinstance(count.denominator, int) or count.denominator > 1:
            # Only the remainder is multiplied: a product with all ticks would be rounded.
            denominator = _like(count.denominator, dtype)
            ticks = rest * denominator
            rest = ticks % numerator
            rounds = rounds * denominator + (ticks - rest) / numerator
    else:
        rounds, rest = _divide(count, arrays, since, dtype)
    found, offset = rounds if count.kind == "rounds" else rest, count.offset
    if not isinstance(offset, int) or offset:
        found = found - _like(offset, dtype)
    return arrays.cast(found, "float32")


def _like(number: Any, dtype: str) -> Any:
    """The number as a float for a float type: JAX cannot add a large int to a float."""
    return float(number) if isinstance(number, int) and dtype.startswith("float") else number


def _divide(
    count: TickCount, arrays: ArrayLibrary, ticks: Tensor, dtype: str
) -> tuple[Tensor, Tensor]:
    """The integer quotient and remainder of ``ticks·denominator`` by the numerator."""
    numerator: Any = count.numerator
    denominator: Any = count.denominator
    rounds = ticks // numerator
    rest = ticks - rounds * numerator
    if isinstance(denominator, int) and denominator == 1:
        return rounds, rest
    # The product may overflow int32. The quotient fits, and computed in floats it is off by at most
    # one; the remainder fits too, so it is right even if the products wrap around.
    top, bottom = arrays.cast(denominator, "float32"), arrays.cast(numerator, "float32")
    part = arrays.cast(arrays.floor(arrays.cast(rest, "float32") * top / bottom), dtype)
    rest = rest * denominator - part * numerator
    off = arrays.cast(rest >= numerator, dtype) - arrays.cast(rest < 0, dtype)
    return rounds * denominator + part + off, rest - off * numerator
