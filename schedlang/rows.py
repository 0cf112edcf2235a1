"""The rows of a program: its stretches at their places, and one of them as array operations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from schedlang.evaluate import value
from schedlang.formula import ZERO, Apply, Expr, Number, Operation, Symbol, substitute, symbols
from schedlang.program import Track
from schedlang.single import LARGEST_EXPONENT, Count, Stretch, single

LARGEST = {"int32": 2**31 - 1, "int64": 2**63 - 1, "float32": 2**63 - 1, "float64": 2**63 - 1}
"""The last tick that can be told, by the type in which ticks are counted."""

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
        end: the tick at which its formula stops; None if it goes on for ever.
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

    def at(self, tick: float) -> float:
        """The formula's value at a tick, in doubles."""
        return value(self.curve, self.counted(tick))

    def counted(self, tick: float) -> dict[str, float]:
        """What the formula is over, at a tick."""
        return {f"x{i}": _counted(count, tick) for i, count in enumerate(self.counts)}


def _counted(count: Count, tick: float) -> float:
    since = tick - count.anchor
    rounds = since * count.denominator // count.numerator
    match count.what:
        case "since":
            return since
        case "round":
            return rounds
        case "within":
            return since * count.denominator - rounds * count.numerator - count.offset


def rows(track: Track) -> list[Row]:
    """The rows of a track, without those that only hold on to where the one before came out."""
    kept: list[Row] = []
    for row in _stretches(track):
        last = kept[-1] if kept else None
        if last is not None and last.end is not None and isinstance(row.curve, Number):
            level = row.curve.value
            if abs(last.at(last.end) - level) <= 1e-9 * abs(level):
                kept[-1] = replace(last, before_end=bool(last.counts))
                continue
        kept.append(row)
    return kept


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
                after_begin=begin > 0 and not is_finite(part.curve, row.counted(0.0)),
                before_end=end is not None and not is_finite(part.curve, row.counted(2.0**62)),
            )


def in_reach(row: Row, last: int) -> Row:
    """The row for a library that counts no further than that."""
    counts, moved = [], dict[str, Expr]()
    for i, count in enumerate(row.counts):
        name, here = f"x{i}", count
        if here.numerator > last:  # the first period never ends
            if here.what == "round":
                moved[name], here = ZERO, Count("since", row.begin)
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


def compute(e: Expr, arrays: Arrays, known: Mapping[str, Tensor]) -> Tensor:
    """The expression over tensors; what occurs twice is computed once."""
    done: dict[Expr, Tensor] = {}

    def walk(e: Expr) -> Tensor:
        match e:
            case Number(number):
                return number
            case Symbol(name):
                return known[name]
            case Apply(op, args):
                if e not in done:
                    call = _OPERATORS.get(op) or getattr(arrays, _NAMES.get(op, op))
                    done[e] = call(*map(walk, args))
                return done[e]
        raise TypeError(f"this is decided before it is evaluated: {e}")

    return walk(e)


def evaluate(row: Row, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
    """One row's formula at every step, good or not; a float if it is constant."""
    if isinstance(row.curve, Number):
        return row.curve.value
    if row.after_begin:
        step = arrays.maximum(step, row.begin)
    if row.before_end and row.end is not None:
        step = arrays.minimum(step, row.end)
    known = {f"x{i}": count(c, arrays, step, dtype) for i, c in enumerate(row.counts)}
    return compute(row.curve, arrays, known)


def count(what: Count, arrays: Arrays, step: Tensor, dtype: str) -> Tensor:
    """A count as float32; each of its numbers may be a tensor of whole numbers."""
    since = step - what.anchor
    if what.what == "since":
        return arrays.cast(since, "float32")
    if dtype.startswith("float"):
        ticks = since * what.denominator
        rest = arrays.mod(ticks, what.numerator)
        rounds = (ticks - rest) / what.numerator
    else:
        rounds, rest = _divide(what, arrays, since, dtype)
    return arrays.cast(rounds if what.what == "round" else rest - what.offset, "float32")


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
