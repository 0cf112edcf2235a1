"""The rows of a program: its stretches at their places, and one of them as array operations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from schedlang.arrays.single import LARGEST_EXPONENT, TINY, Count, Stretch, single
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
from schedlang.program.program import Track

LARGEST = {"int32": 2**31 - 1, "int64": 2**63 - 1, "float32": 2**63 - 1, "float64": 2**63 - 1}
"""The last tick that can be told, by the type in which ticks are counted."""

LAST_EXACT = 2**24
"""Up to this tick each is a float32 of its own."""

Tensor: TypeAlias = Any


class Arrays(Protocol):
    """An array library under NumPy's names (``where``, ``take``, ``cos`` …), and ``cast``."""

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """The tensor in another type."""

    def __getattr__(self, name: str) -> Callable[..., Tensor]: ...


@dataclass(frozen=True)
class Row:
    """A stretch at its place.

    Attributes:
        begin: its first tick.
        end: the tick at which its formula stops; None if it never ends.
        counts: what its formula is over, their anchors in ticks of the run.
        curve: its formula.
        after_begin: whether the formula is only good from the begin on.
        before_end: whether the formula is only good up to the end.
    """

    begin: int
    end: int | None
    counts: tuple[Count, ...]
    curve: Expr
    after_begin: bool = False
    before_end: bool = False

    def at(self, tick: int) -> float:
        """The formula's value at a tick, in doubles."""
        return value(self.curve, self.counted(tick))

    def counted(self, tick: int) -> dict[str, float]:
        """What the formula is over, at a tick."""
        return {f"x{i}": counted(what, tick) for i, what in enumerate(self.counts)}


def counted(what: Count, tick: int) -> float:
    """A count at a tick."""
    since = tick - what.anchor
    rounds, rest = divmod(since * what.denominator, what.numerator)
    match what.what:
        case "since":
            return float(since)
        case "round":
            return float(rounds - what.offset)
        case "within":
            return float(rest - what.offset)


def rows(track: Track) -> list[Row]:
    """The rows of a track; a row that only holds the end level of the one before is left out."""
    kept: list[Row] = []
    for row in _stretches(track):
        last = kept[-1] if kept else None
        if last is not None and _holds(last, row.curve):
            kept[-1] = replace(last, before_end=bool(last.counts))
        else:
            kept.append(row)
    return kept


def _holds(row: Row, level: Expr) -> bool:
    """Whether the row, its counts stopped at its end, goes on at this level."""
    if row.end is None or not isinstance(level, Number):
        return False
    if any(what.what == "within" for what in row.counts):  # these never stop
        return False
    return abs(row.at(row.end) - level.value) <= 1e-9 * abs(level.value)


def _stretches(track: Track) -> Iterator[Row]:
    written: dict[tuple[int, int | None], list[Stretch]] = {}
    for piece in track.pieces:
        length = None if piece.end is None else piece.end - piece.begin
        key = id(piece.curve), length  # rounds of a repeat share their curves
        parts = written.get(key)
        if parts is None:
            parts = written[key] = list(single(piece.curve, length))
        for part in parts:
            begin = piece.begin + part.begin
            end = None if part.end is None else piece.begin + part.end
            counts = tuple(c._replace(anchor=piece.begin + c.anchor) for c in part.counts)
            row = Row(begin, end, counts, part.curve)
            yield replace(
                row,
                after_begin=begin > 0 and not is_finite(part.curve, row.counted(0)),
                before_end=end is not None and not is_finite(part.curve, row.counted(2**62)),
            )


def in_reach(row: Row, last: int) -> Row:
    """The row for a library that counts no further than that."""
    counts, moved = [], dict[str, Expr]()
    for i, count in enumerate(row.counts):
        name, here = f"x{i}", count
        if here.numerator > last:  # the first period never ends
            if here.what == "round":
                moved[name], here = Number(-float(here.offset)), Count("since", row.begin)
            else:
                here = Count("since", here.anchor + here.offset)
        if here.anchor > last:
            moved[name] = Symbol(name) + float(last - here.anchor)
            here = here._replace(anchor=last)
        counts.append(here)
    end = row.end if row.end is not None and row.end <= last else None
    return replace(row, end=end, counts=tuple(counts), curve=substitute(row.curve, moved))


def is_finite(e: Expr, names: Mapping[str, float]) -> bool:
    """Whether the formula's value and slope are surely finite, for counts as far out as these."""
    match e:
        case Number() | Symbol():
            return True
        case Apply("exp", (Apply("min", (x, Number(most))),)) if most <= LARGEST_EXPONENT:
            return is_finite(x, names)
        case Apply("exp", (x,)):
            known = symbols(x) <= names.keys()
            return known and _is_line(x) and value(x, names) <= LARGEST_EXPONENT
        case Apply("sqrt" | "log", (x,)):
            return _is_above_zero(x) and is_finite(x, names)
        case Apply("pow", (x, Number(power))):
            return 0 < power <= 8 and _is_above_zero(x) and is_finite(x, names)
        case Apply("div", (x, Number(y))):
            return y != 0 and is_finite(x, names)
        case Apply("div", (x, Apply("add", (Apply("sqrt") as y, Number(number))))) if number > 0:
            return is_finite(x, names) and is_finite(y, names)
        case Apply("div" | "pow" | "tan"):
            return False
        case Apply(_, args):
            return all(is_finite(arg, names) for arg in args)
    return False


def _is_line(e: Expr) -> bool:
    match e:
        case Number() | Symbol():
            return True
        case Apply("add", (x, Number())) | Apply("mul", (Number(), x)):
            return _is_line(x)
    return False


def _is_above_zero(e: Expr) -> bool:
    match e:
        case Apply("max", (_, Number(least))):
            return least > 0
    return False


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


def compiled(e: Expr, arrays: Arrays, names: Iterable[str]) -> Callable[[Iterable[Tensor]], Tensor]:
    """The expression as a function of what these symbols stand for.

    What occurs in it twice is computed once. A call goes through a list and walks no tree, which
    counts where every operation is called from Python.
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
    """Ticks as they are counted, and (once, and only if it is asked for) as float32."""

    def __init__(self, whole: Tensor, arrays: Arrays) -> None:
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


def evaluation(row: Row, arrays: Arrays, dtype: str) -> Evaluation:
    """One row's formula as a function of the ticks, good or not; a float if it is constant."""
    if isinstance(row.curve, Number):
        level = row.curve.value
        return lambda _: level
    names = [f"x{i}" for i in range(len(row.counts))]
    # A count that only occurs as ``max(x, TINY)`` is held above 0 where it is clipped anyway.
    kept: dict[Expr, Symbol] = {maximum(Symbol(name), TINY): Symbol(name) for name in names}
    bare = symbols(_replace(row.curve, dict.fromkeys(kept, ZERO)))
    kept = {e: count for e, count in kept.items() if count.name not in bare}
    run = compiled(_replace(row.curve, kept), arrays, names)
    inputs = [
        _clamped(row, what, arrays, dtype, -math.inf if name in bare else TINY.value)
        for name, what in zip(names, row.counts, strict=True)
    ]
    return lambda ticks: run([x(ticks) for x in inputs])


def _replace(e: Expr, what: Mapping[Expr, Expr]) -> Expr:
    return what[e] if e in what else rebuild(e, lambda part: _replace(part, what))


def _clamped(
    row: Row, what: Count, arrays: Arrays, dtype: str, least: float
) -> Callable[[Ticks], Tensor]:
    """One of the row's counts, at least this, and kept where the row's formula is good."""
    x = _counting(row, what, arrays, dtype)
    first, last = least, math.inf
    if what.what != "within":
        first = max(first, counted(what, row.begin)) if row.after_begin else first
        last = counted(what, row.end) if row.before_end and row.end is not None else last
    if (first, last) == (-math.inf, math.inf):
        return x
    # Both bounds at once: `minimum` and `maximum` of Keras cost more than its `clip`.
    return lambda ticks: arrays.clip(x(ticks), first, last)


def _counting(row: Row, what: Count, arrays: Arrays, dtype: str) -> Callable[[Ticks], Tensor]:
    """One of the row's counts, in floats where they are exact, or as exact as any large count."""
    ends = row.end is not None and row.end <= LAST_EXACT and what.anchor <= LAST_EXACT
    if what.what != "since" or not (ends or what.anchor <= LAST_EXACT >> 4):
        return lambda ticks: count(what, arrays, ticks.whole, dtype)
    if not what.anchor:
        return lambda ticks: ticks.near
    anchor = float(what.anchor)
    return lambda ticks: ticks.near - anchor


def count(what: Count, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
    """A count as float32; each of its numbers may be a tensor of whole numbers."""
    # Operators, and not functions such as `mod`: Keras makes an int32 of PyTorch's int64 in those.
    anchor = _like(what.anchor, dtype)
    since = step if isinstance(anchor, int) and not anchor else step - anchor
    if what.what == "since":
        return arrays.cast(since, "float32")
    if dtype.startswith("float"):
        numerator = _like(what.numerator, dtype)
        rest = since % numerator
        rounds = (since - rest) / numerator
        if not isinstance(what.denominator, int) or what.denominator > 1:
            # Only what is left is multiplied: the product with all ticks would be rounded.
            denominator = _like(what.denominator, dtype)
            ticks = rest * denominator
            rest = ticks % numerator
            rounds = rounds * denominator + (ticks - rest) / numerator
    else:
        rounds, rest = _divide(what, arrays, since, dtype)
    found, offset = rounds if what.what == "round" else rest, what.offset
    if not isinstance(offset, int) or offset:
        found = found - _like(offset, dtype)
    return arrays.cast(found, "float32")


def _like(number: Any, dtype: str) -> Any:
    """JAX adds no large int to a float."""
    return float(number) if isinstance(number, int) and dtype.startswith("float") else number


def _divide(what: Count, arrays: Arrays, ticks: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
    """``ticks·denominator`` over the numerator: the whole quotient and the rest, in integers."""
    numerator: Any = what.numerator
    denominator: Any = what.denominator
    rounds = ticks // numerator
    rest = ticks - rounds * numerator
    if isinstance(denominator, int) and denominator == 1:
        return rounds, rest
    # The product need not fit into an int32. The quotient does, and its float is at most one off;
    # the rest fits too, so that it comes out right however the products wrap around.
    top, bottom = arrays.cast(denominator, "float32"), arrays.cast(numerator, "float32")
    part = arrays.cast(arrays.floor(arrays.cast(rest, "float32") * top / bottom), dtype)
    rest = rest * denominator - part * numerator
    off = arrays.cast(rest >= numerator, dtype) - arrays.cast(rest < 0, dtype)
    return rounds * denominator + part + off, rest - off * numerator
