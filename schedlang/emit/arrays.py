"""Functions of step arrays: every phase is computed, then the active one is selected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import ceil
from typing import NamedTuple

from schedlang.arrays.stable import NEAR, TINY, stable, with_safe_roots
from schedlang.emit.body import TICKS, Body, Span, heading, spans
from schedlang.emit.code import Block, Code, call, code, infix, let, note, number, returns
from schedlang.emit.file import local_name
from schedlang.emit.parts import factors, outline
from schedlang.emit.printing import LAST_INT32_TICK, ticks_since
from schedlang.emit.simple import computed, phase_formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    LEVEL,
    Apply,
    Expr,
    Lookup,
    Number,
    Operation,
    T,
    depends_on_base,
    rebuild,
    substitute,
    symbols,
    walk,
)
from schedlang.formula.intervals import Interval, interval_of, stays_finite
from schedlang.program.program import Part, Piece, Repeat, Track


class TickRange(NamedTuple):
    """The variable that counts ticks, and its first and last values."""

    name: str
    first: int = 0
    last: int = LAST_INT32_TICK


class ArrayBody(Body):
    """The body of a function of arrays."""

    def returns(
        self, tracks: Sequence[Track], counter: str, result: str = "rate", first: int = 0
    ) -> Block:
        """The statements that return the product of the tracks.

        Args:
            tracks: the factors.
            counter: the variable that counts ticks.
            result: the variable that holds the intermediate value.
            first: the first tick to compute.
        """
        levels, *others = factors(tracks)
        names = [f"factor_{i}" if len(others) > 1 else "factor" for i in range(1, len(others) + 1)]
        self.taken = self.taken - {"tick"} | {counter, result, *names}
        clock = TickRange(counter, first)
        block, product = self._chain(outline(levels), clock, result)
        if others:
            block += _let(result, product)
            product = code(result)
        for track, factor in zip(others, names, strict=True):
            before, share = self._chain(outline(track), clock, factor)
            block += (*before, *_let(factor, share))
            product = infix(product, "*", factor)
        return self.with_levels((*block, returns(product)))

    # ---------------------------------------------------------------- consecutive phases

    def _chain(self, parts: Sequence[Part], clock: TickRange, result: str) -> tuple[Block, Code]:
        """The setup statements and the value of consecutive parts."""
        block: Block = ()
        found: Code | None = None
        for part in spans(parts, self._formula):
            if found is not None:
                block += _let(result, found)
            text = heading(part)
            if isinstance(part, Repeat):
                before, here = self._repeat(part, clock, result if found is None else None)
            else:
                before, here = self._span(part, clock)
                if found is None and all(map(depends_on_base, symbols(part.curve))):
                    # A constant must be an array too.
                    here = self.spelling.full(code(clock.name), here)
                elif found is not None and part.begin == part.piece.begin:
                    text = text or "the end holds"
            block += (*note(text), *before)
            if found is not None:
                here = self._call("where", infix(clock.name, "<", number(part.begin)), result, here)
            found = here
        assert found is not None
        return block, found

    def _formula(self, piece: Piece) -> Expr:
        if piece.kind == "fn":
            return computed(piece.curve)
        return stable(phase_formula(piece.curve), self._sizes, NEAR)

    @cached_property
    def _sizes(self) -> dict[str, float]:
        """The base rate and the levels, for a base rate of 1."""
        sizes = {BASE.name: 1.0}
        for i, level in enumerate(self.file.levels):
            sizes[f"{LEVEL}{i}"] = value(level, sizes)
        return sizes

    def _repeat(self, repeat: Repeat, clock: TickRange, result: str | None) -> tuple[Block, Code]:
        """The setup statements and the value of a round."""
        tick = self._free("tick")
        inner = result or self._free("in_round")
        block, last = self._chain(repeat.parts, TickRange(tick, last=repeat.period - 1), inner)
        since = infix(ticks_since(clock.name, repeat.begin), "%", number(repeat.period))
        block = (let(tick, since), *block)
        if result is not None or len(repeat.parts) == 1:
            return block, last
        return (*block, *_let(inner, last)), code(inner)

    def _free(self, wanted: str) -> str:
        """Reserve a name that the function does not use yet."""
        found = local_name(wanted, self.taken)
        self.taken.add(found)
        return found

    # ---------------------------------------------------------------- one formula

    def _span(self, span: Span, clock: TickRange) -> tuple[Block, Code]:
        """The setup statements and the value of a formula."""
        curve, origin = span.curve, span.origin
        low, far_low, far_high = span.begin - origin, clock.first - origin, clock.last - origin
        high = far_high if span.end is None else span.end - origin
        near = self._ranges(low, high)
        curve = with_safe_roots(curve, lambda x: interval_of(x, near, set()).low < TINY)
        # A phase is also computed where it is inactive, and must be finite there.
        known = span.piece.kind != "fn"
        times = max(map(_multiplied, walk(curve)))
        if known and stays_finite(curve, self._ranges(far_low, high)):
            low = far_low
        fits = span.end is None or far_high * times <= LAST_INT32_TICK
        if known and fits and stays_finite(curve, self._ranges(low, far_high)):
            high = far_high
        since = ticks_since(clock.name, origin)
        match low > far_low, high < far_high:
            case True, True:
                since = self._call("clip", since, number(low), number(high))
            case True, False:
                since = self._call("max", since, number(low))
            case False, True:
                since = self._call("min", since, number(high))
        return self.value(_counted(curve, high), since, span.piece)

    def _ranges(self, low: float, high: float) -> dict[str, Interval]:
        """The ranges of a phase's ticks and, for a base rate up to 1, of the levels."""
        levels = {symbol: Interval(0.0, size) for symbol, size in self._sizes.items()}
        return {**levels, T.name: Interval(low, high, whole=True)}

    def _call(self, op: str, *arguments: Code | str) -> Code:
        return call(self.spelling.functions[op], *arguments)


def _let(local: str, value: Code) -> Block:
    """The assignment, or nothing if it would be a no-op."""
    return () if value == code(local) else (let(local, value),)


def _counted(e: Expr, last: float) -> Expr:
    """The formula with `TICKS` where it must count in integers, because floats are inexact."""
    match e:
        case Lookup(x, edges, values):
            reached = sum(edge <= LAST_INT32_TICK for edge in edges)
            whole = tuple(float(ceil(edge)) for edge in edges[:reached])
            return Lookup(substitute(x, {T.name: TICKS}), whole, values[: reached + 1])
        case Apply("floordiv" | "mod" as op, (Apply("mul", (x, Number(n))), Number(m))) if (
            last * n > LAST_INT32_TICK
        ):
            return _in_32_bits(op, substitute(x, {T.name: TICKS}), n, m)
        case Apply("floordiv" | "mod", (x, Number())):
            return substitute(e, {T.name: TICKS})
    return rebuild(e, lambda part: _counted(part, last))


def _multiplied(e: Expr) -> float:
    """The multiplier of the ticks in an integer division or remainder."""
    match e:
        case Apply("floordiv" | "mod", (Apply("mul", (_, Number(n))), Number())):
            return n
    return 1.0


def _in_32_bits(op: Operation, x: Expr, n: float, m: float) -> Expr:
    """The quotient or remainder of ``x·n`` by ``m``, without overflowing 32 bits.

    Raises:
        ValueError: if ``m·n`` exceeds 32 bits.
    """
    if m * n > LAST_INT32_TICK:
        raise ValueError(
            f"a period of {m:.0f}/{n:.0f} steps cannot be counted in integers of 32 bits: round "
            "it, or emit torch or python instead"
        )
    periods, over = Number(n), Number(m)
    rest = Apply("mul", (Apply("mod", (x, over)), periods))
    if op == "mod":
        return Apply("mod", (rest, over))
    whole = Apply("mul", (Apply("floordiv", (x, over)), periods))
    return Apply("add", (whole, Apply("floordiv", (rest, over))))
