"""Converts timed stages to timelines: levels to expressions of the base, phases to pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import isclose, isfinite
from sys import float_info
from typing import Any, NamedTuple, cast

from typing_extensions import assert_never

from schedlang.errors import Mistake, Path, ScheduleError, refuse
from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import function
from schedlang.formula.expressions import (
    BASE,
    LAST_TICK,
    LEVEL,
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Symbol,
)
from schedlang.formula.levels import TOLERANCE, Check, above, at_tick, of_pair, pair, times
from schedlang.language.text import Texts, node_text
from schedlang.phases import BUILT_IN
from schedlang.phases.base import Context, resolved_arguments
from schedlang.phases.expression import Fn
from schedlang.phases.plateau import Plateau
from schedlang.program.clock import Clock, nearest_tick
from schedlang.program.program import Arguments, Part, Piece, Repeat, Track, map_pieces, shifted
from schedlang.program.timing import Timed, TimedGroup, TimedPhase, TimedProduct

MOST_PHASES_IN_BLOCK = 200_000
"""The maximum number of phases when rounds of `x inf` that are rounded differently are expanded."""

PLACES_KEPT = 64
"""The maximum number of cached contexts of a phase."""


class Position(NamedTuple):
    """The current position of the walk.

    Attributes:
        start: the exact start of the enclosing pipeline, in ticks of the run.
        now: the exact tick at which the stage begins.
        level: the level at entry.
        base: the symbol of the base rate, or 1 inside a product.
        first: whether this is the first stage of the run, or of a factor of a product.
        origin: the tick from which the parts count: 0, or the start of a round.
    """

    start: Fraction
    now: Fraction
    level: Expr
    base: Expr
    first: bool
    origin: int


class Timelines(NamedTuple):
    """Stages converted to parts of timelines.

    Attributes:
        end: the exact tick at which they end; None if they never end.
        level: the level on which they end.
        tracks: the parts of each timeline; only the first has no gaps.
        momentum: the parts of the momentum's timeline, with gaps where no phase changes it.
    """

    end: Fraction | None
    level: Expr
    tracks: list[list[Part]]
    momentum: list[Part]


class _PhaseCurves(NamedTuple):
    """A phase in its context: its curves, their end values, and its arguments."""

    curve: Expr
    leaves: Expr
    arguments: Arguments
    momentum: Expr | None = None
    momentum_leaves: Expr = ZERO


@dataclass
class Lowering:
    """A walk over timed stages that returns their parts and collects checks and mistakes."""

    clock: Clock
    mistakes: list[Mistake]
    checks: list[Check] = field(default_factory=list)
    levels: dict[Expr, Symbol] = field(default_factory=dict)
    plateau: Arguments | None = None
    _seen: dict[int, dict[Any, _PhaseCurves]] = field(default_factory=dict)
    _shared: dict[Expr, Expr] = field(default_factory=dict)
    _written: dict[Any, dict[str, Any]] = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)

    def line(self, stages: Sequence[Timed]) -> tuple[Timelines, tuple[Track, ...], Track | None]:
        """The timelines of the line, without gaps and with the end held, and the momentum's."""
        start = Fraction(0)
        lowered = self.pipeline(stages, Position(start, start, BASE, BASE, first=True, origin=0))
        if lowered.end is not None:
            lowered.tracks[0].append(Piece(nearest_tick(lowered.end), None, lowered.level))
        tracks = tuple(Track(_filled(parts, None)) for parts in lowered.tracks)
        momentum = Track(_held(lowered.momentum)) if lowered.momentum else None
        return lowered, tracks, momentum

    def pipeline(self, stages: Sequence[Timed], at: Position) -> Timelines:
        """Stages in sequence, from ``at.now`` on."""
        tracks: list[list[Part]] = [[]]
        momentum: list[Part] = []
        end: Fraction | None = at.now
        level = at.level
        for i, stage in enumerate(stages):
            assert end is not None  # nothing follows an endless stage
            here = Position(at.now, end, level, at.base, at.first and i == 0, at.origin)
            end, level, parts, moving = self.stage(stage, here)
            _extend(tracks, parts)
            momentum += moving
        return Timelines(end, level, tracks, momentum)

    def stage(self, stage: Timed, at: Position) -> Timelines:
        match stage:
            case TimedPhase():
                return self.phase(stage, at)
            case TimedGroup(times=1):
                return self.pipeline(stage.stages, at)
            case TimedGroup():
                return self.repeat(stage, at)
            case TimedProduct():
                return self.product(stage, at)
            case _:
                assert_never(stage)

    # ── Products ──

    def product(self, product: TimedProduct, at: Position) -> Timelines:
        """The factors as shares on separate timelines; the first one has the level at entry."""
        begin = nearest_tick(at.now) - at.origin
        end = None if product.length is None else at.now + product.length
        last = None if end is None else nearest_tick(end) - at.origin
        tracks: list[list[Part]] = []
        momentum: list[Part] = []
        level = at.level
        for factor in product.factors:
            found = self.stage(
                factor, Position(at.now, at.now, ONE, ONE, first=True, origin=at.origin)
            )
            own, *others = found.tracks
            if found.end is not None:
                held = nearest_tick(found.end) - at.origin
                if last is None or held < last:
                    own.append(Piece(held, last, found.level))
            tracks.append(list(map_pieces(own, partial(_times, ONE if tracks else at.level))))
            tracks += [
                list(map_pieces(_filled(parts, last, begin), _as_factor)) for parts in others
            ]
            momentum += found.momentum
            level = times(level, found.level)
        return Timelines(end, self.level(level), tracks, momentum)

    # ── Repeats ──

    def repeat(self, group: TimedGroup, at: Position) -> Timelines:
        """A repeated round.

        Rounds of whole ticks that start at the same level are one `Repeat`. A round of n/d ticks is
        rounded in d ways, so d consecutive rounds form the repeated block.
        """
        length = group.round
        if length is None:  # `x 1` of an endless stage
            return self.pipeline(group.stages, at)
        if group.times is None and not nearest_tick(length * length.denominator):
            message = "a round of `x inf` has no length"
            self.mistakes.append(Mistake("out-of-range", message, "give it one", group.path))
            return Timelines(None, at.level, [[]], [])
        in_block = length.denominator
        if group.times is None and in_block * _size(group.stages) > MOST_PHASES_IN_BLOCK:
            message = (
                f"a round of `x inf` lasts {length} ticks, which is a whole number only after"
                f" {in_block:,} rounds: more than {MOST_PHASES_IN_BLOCK:,} phases"
            )
            advice = "give a round a length in whole ticks"
            self.mistakes.append(Mistake("too-long", message, advice, group.path))
            return Timelines(None, at.level, [[]], [])
        whole = self.pipeline(group.stages, at)
        left = None if group.times is None else group.times - 1
        while left is None or (left and (in_block == 1 or left >= 2 * in_block)):
            assert whole.end is not None
            begin = nearest_tick(whole.end)
            here = at._replace(now=whole.end, level=whole.level, first=False, origin=begin)
            block, same = self.rounds(group, in_block, here)
            if left is None and not self.is_same_for_all(block, here, group.path, same=same):
                return whole._replace(end=None)
            assert block.end is not None
            period = nearest_tick(block.end) - begin
            if left is None:
                return _repeated(whole, block, begin - at.origin, period, None, at)
            if same is True and period:
                times, left = divmod(left, in_block)
                whole = _repeated(whole, block, begin - at.origin, period, times, at)
                break
            left -= in_block
            whole = _joined(whole, block, begin - at.origin)
        if left:
            assert whole.end is not None
            here = at._replace(now=whole.end, level=whole.level, first=False)
            whole = _joined(whole, self.rounds(group, left, here)[0], 0)
        return whole

    def rounds(self, group: TimedGroup, times: int, at: Position) -> tuple[Timelines, bool | None]:
        """Rounds in sequence, and whether each ends on its start level (None: the base decides)."""
        whole = self.pipeline(group.stages, at)
        same = _same(whole.level, at.level)
        for _ in range(times - 1):
            assert whole.end is not None
            here = at._replace(now=whole.end, level=whole.level, first=False)
            whole = _joined(whole, self.pipeline(group.stages, here), 0)
            same = same and _same(whole.level, at.level)
        return whole, same

    def is_same_for_all(
        self, block: Timelines, at: Position, path: Path, *, same: bool | None
    ) -> bool:
        """Whether all rounds of `x inf` start at the same level; the base may decide that."""
        message = "every round of `x inf` must start at the same level; this one drifts"
        advice = "end the round on the level at which it starts"
        mistake = Mistake("repeat-differs", message, advice, path)
        if same is None:
            drifts = Apply("or", (above(block.level, at.level), above(at.level, block.level)))
            self.checks.append(Check(drifts, mistake))
        elif not same:
            self.mistakes.append(mistake)
        return same is not False

    # ── Phases ──

    def phase(self, timed: TimedPhase, at: Position) -> Timelines:
        end = None if timed.length is None else at.now + timed.length
        first = nearest_tick(at.now)
        last = None if end is None else nearest_tick(end)
        if timed.wrong:
            return Timelines(end, at.level, [[]], [])
        try:
            found = self.curves(timed, at, first, last)
        except ScheduleError as error:
            self.mistakes += error.under(timed.path)
            return Timelines(end, at.level, [[]], [])
        if isinstance(timed.phase, Plateau):
            self.plateau = {**found.arguments, "begin": first}
        if first == last:
            return Timelines(end, found.leaves, [[]], [])
        begin, until = first - at.origin, None if last is None else last - at.origin
        kind, text = timed.phase.kind, found.arguments["text"]
        piece = Piece(begin, until, found.curve, kind, found.arguments, text)
        momentum: list[Part] = []
        if found.momentum is not None:
            leaves: Arguments = {"leaves": found.momentum_leaves}
            momentum.append(Piece(begin, until, found.momentum, kind, leaves, text))
        return Timelines(end, found.leaves, [[piece]], momentum)

    def curves(self, timed: TimedPhase, at: Position, first: int, last: int | None) -> _PhaseCurves:
        """The curves of a phase in its context, cached for equal contexts.

        Raises:
            ScheduleError: if the phase is wrong in this context.
        """
        context = Context(
            level=at.level,
            base=at.base,
            ticks=None if last is None else last - first + timed.skip,
            skip=timed.skip,
            first=at.first,
            elapsed=at.now - at.start,
            origin=at.start - first,
            convert=self.clock.ticks,
        )
        if _comes_once(timed):
            return self._curves(timed, context, empty=first == last)
        place = (context.elapsed, context.origin) if timed.phase.depends_on_place else ()
        key = (*context[:5], first == last, *place)
        seen = self._seen.setdefault(id(timed), {})
        found = seen.get(key)
        if found is None:
            if len(seen) == PLACES_KEPT:
                seen.clear()
            found = seen[key] = self._curves(timed, context, empty=first == last)
        return found

    def _curves(self, timed: TimedPhase, context: Context, *, empty: bool) -> _PhaseCurves:
        phase = timed.phase
        self.checks += [check.under(timed.path) for check in phase.check(context)]
        if empty:
            return _PhaseCurves(ZERO, self.level(phase.skipped(context)), {})
        curve = phase.curve(context)
        if isinstance(phase, Fn) or phase.kind not in BUILT_IN:
            curve, undecided = without_rounding_below_zero(curve, context)
            self.checks += [undecided.under(timed.path)] if undecided is not None else []
        elif phase.grows():
            self.checks.append(_stays_finite(curve, context).under(timed.path))
        if isinstance(curve, Apply) and curve.op == "mul":  # rounds may differ only in the level
            level, factor = curve.args
            curve = Apply("mul", (level, self._shared.setdefault(factor, factor)))
        leaves = context.level if context.ticks is None else self.level(phase.end(context, curve))
        text = node_text(phase, self.texts)
        derived = phase.derived_arguments(context)
        arguments = cast("Arguments", {**self.written(timed, context), **derived, "text": text})
        momentum = phase.momentum_curve(context)
        if momentum is None or context.ticks is None:
            return _PhaseCurves(curve, leaves, arguments, momentum)
        return _PhaseCurves(
            curve, leaves, arguments, momentum, phase.momentum_end(context, momentum)
        )

    def written(self, timed: TimedPhase, context: Context) -> dict[str, Any]:
        """The phase's arguments as numbers, computed once for all levels at entry."""
        if _comes_once(timed):
            return resolved_arguments(timed.phase, context)
        key = (id(timed), context.base, context.skip > 0, context.origin)
        found = self._written.get(key)
        if found is None:
            found = self._written[key] = resolved_arguments(timed.phase, context)
        return found

    def level(self, level: Expr) -> Expr:
        """The level, or a symbol if it is not of the form ``relative·base + absolute``."""
        parts = pair(level)
        if parts is not None:
            if not all(map(isfinite, parts)):
                refuse("overflow", "this ends on a rate that does not fit into a double")
            return of_pair(*parts)
        if isinstance(level, Symbol):
            return level
        return self.levels.setdefault(level, Symbol(f"{LEVEL}{len(self.levels)}"))


def _comes_once(timed: TimedPhase) -> bool:
    """Whether the phase is outside groups, so that caching it is useless."""
    return len(timed.path) == len(("stages", 0))


def _size(stages: Sequence[Timed]) -> int:
    """The number of phases of a round, with its inner repeats expanded."""
    total = 0
    for stage in stages:
        match stage:
            case TimedPhase():
                total += 1
            case TimedGroup():
                total += _size(stage.stages) * (stage.times or 1)
            case TimedProduct():
                total += _size(stage.factors)
            case _:
                assert_never(stage)
    return total


# ── Parts ──


def _extend(tracks: list[list[Part]], others: Sequence[Sequence[Part]]) -> None:
    """Append parts to timelines; ``others`` may have more timelines."""
    while len(tracks) < len(others):
        tracks.append([])
    for parts, more in zip(tracks, others, strict=False):
        parts.extend(more)


def _joined(one: Timelines, other: Timelines, later: int) -> Timelines:
    """The timelines of both in sequence, the second shifted by ``later`` ticks."""
    for tracks, more in ((one.tracks, other.tracks), ([one.momentum], [other.momentum])):
        _extend(
            tracks, [[shifted(part, later) for part in parts] if later else parts for parts in more]
        )
    return Timelines(other.end, other.level, one.tracks, one.momentum)


def _repeated(
    before: Timelines, block: Timelines, begin: int, period: int, times: int | None, at: Position
) -> Timelines:
    """The first round, then a block repeated ``times`` times (None: forever).

    If the first round equals the block, it becomes a part of the repeat.
    """
    end = None if times is None else begin + times * period
    before.momentum.extend(_repeated_momentum(block.momentum, begin, period, times))
    inside = [_filled(parts, period) for parts in block.tracks]
    first = nearest_tick(at.now) - at.origin
    once = [
        _filled([shifted(part, -first) for part in parts], begin - first) for parts in before.tracks
    ]
    if len(once) == len(inside) and all(map(_alike, once, inside)):
        begin = first
        for parts in before.tracks:
            parts.clear()
    elif times == 1:
        return _joined(before, block._replace(momentum=[]), begin)
    _extend(before.tracks, [[Repeat(begin, end, period, parts)] for parts in inside])
    assert block.end is not None
    stop = None if times is None else block.end + (times - 1) * period
    return Timelines(stop, block.level, before.tracks, before.momentum)


def _repeated_momentum(
    parts: Sequence[Part], begin: int, period: int, times: int | None
) -> list[Part]:
    """The momentum of repeated rounds, each of which first holds the value that the last one left.

    So the repeat starts at the first part of a round, and the last round follows it.
    """
    if not parts:
        return []
    first = parts[0].begin
    rounds = [shifted(part, -first) for part in parts]
    held = _held([*rounds, shifted(rounds[0], period)])[:-1]
    end = None if times is None else begin + (times - 1) * period
    last = [] if end is None else [shifted(part, end) for part in parts]
    if times == 1:
        return last
    return [Repeat(begin + first, None if end is None else end + first, period, tuple(held)), *last]


def _filled(parts: Sequence[Part], last: int | None, begin: int = 0) -> tuple[Part, ...]:
    """The parts from a tick to another (None: forever), with 1 in the gaps."""
    filled: list[Part] = []
    tick: int | None = begin
    for part in parts:
        assert tick is not None
        if part.begin > tick:
            filled.append(Piece(tick, part.begin, ONE, factor=True))
        filled.append(part)
        tick = part.end
    if tick is not None and tick != last:
        filled.append(Piece(tick, last, ONE, factor=True))
    return tuple(filled)


def _held(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The momentum's parts; it is constant between the phases that change it and after them."""
    held: list[Part] = []
    for i, part in enumerate(parts):
        held.append(part)
        following = parts[i + 1].begin if i + 1 < len(parts) else None
        if isinstance(part, Piece) and part.end is not None and part.end != following:
            held.append(Piece(part.end, following, part.arguments["leaves"]))
    return tuple(held)


def _alike(some: Sequence[Part], others: Sequence[Part]) -> bool:
    """Whether the parts have the same curves at the same ticks."""

    def same(one: Part, other: Part) -> bool:
        if one[:2] != other[:2]:
            return False
        match one, other:
            case Piece(), Piece():
                return one.curve == other.curve and one[5:] == other[5:]
            case Repeat(), Repeat():
                return one.period == other.period and _alike(one.parts, other.parts)
            case _:
                return False

    return len(some) == len(others) and all(map(same, some, others))


def _as_factor(piece: Piece) -> Piece:
    return piece._replace(factor=True)


def _times(level: Expr, piece: Piece) -> Piece:
    """The piece of a factor, multiplied by the level at entry."""
    return piece._replace(curve=times(level, piece.curve), factor=True)


def _same(x: Expr, y: Expr) -> bool | None:
    """Whether two levels are equal; None if the base decides."""
    if x == y:
        return True
    match pair(x), pair(y):
        case (a, b), (c, d):
            return isclose(a, c, rel_tol=TOLERANCE) and isclose(b, d, rel_tol=TOLERANCE)
    return None


# ── Formulas that are checked by sampling ──

_LARGEST = Number(float_info.max)


def _stays_finite(curve: Expr, context: Context) -> Check:
    """The check that the maximum of a growing rate is finite."""
    last = LAST_TICK if context.ticks is None else context.ticks - context.skip
    message = "the rate at tick {tick} of this phase does not fit into a double"
    advice = "give it a duration" if context.ticks is None else "give it a shorter duration"
    check = Check(_is_not_finite(curve), Mistake("overflow", message, advice), ticks=(last,))
    if formula.symbols(curve) <= {"t", BASE.name} and (failure := check.failure({BASE.name: 1.0})):
        raise ScheduleError([failure])
    return check


def _is_not_finite(e: Expr) -> Expr:
    return Apply("not", (formula.at_most(Apply("abs", (e,)), _LARGEST),))


def without_rounding_below_zero(curve: Expr, context: Context) -> tuple[Expr, Check | None]:
    """A user's formula, with negative values that are only rounding errors replaced by 0.

    It is evaluated on the first and last hundred ticks, a thousand between, and at ``T``; without a
    duration the thousand are spaced geometrically up to 2^53. If the values depend on the base, the
    returned check evaluates it.

    Raises:
        ScheduleError: if a value is not finite, or below 0 by more than 1e-12 of the greatest
            magnitude (without a duration, of the greatest so far).
    """
    ticks = _sampled_ticks(context)
    message = "the value at tick {tick} of this phase is {rate}"
    mistake = Mistake("not-finite", message, "a rate must be finite and not negative")
    parts = formula.affine(curve)
    if parts is None or ZERO not in parts:
        ends = (at_tick(curve, float(t), left=False) for t in (ticks[0], ticks[-1]))
        size = formula.maximum(*(Apply("abs", (end,)) for end in ends))
        below = formula.less(curve, -TOLERANCE * size)
        fails = Apply("or", (_is_not_finite(curve), below))
        return formula.maximum(ZERO, curve), Check(fails, mistake, (("rate", curve),), ticks)
    compute = function(formula.substitute(curve, {BASE.name: ONE}), ("t",))
    rates: dict[int, float] = {tick: compute(float(tick)) for tick in ticks}
    greatest = 0.0 if context.ticks is None else max(abs(rate) for rate in rates.values())
    for tick, rate in rates.items():
        greatest = max(greatest, abs(rate))
        if not -TOLERANCE * greatest <= rate <= float_info.max:
            unit = "x" if isfinite(rate) and parts[1] == ZERO else ""
            message = message.format(tick=tick, rate=f"{rate:g}{unit}")
            raise ScheduleError([mistake._replace(message=message)])
    return (curve if min(rates.values()) >= 0 else formula.maximum(ZERO, curve)), None


def _sampled_ticks(context: Context) -> tuple[int, ...]:
    last = LAST_TICK if context.ticks is None else context.ticks - context.skip
    ticks = {*range(min(100, last)), *range(max(0, last - 100), last + 1)}
    if context.ticks is None:
        ticks |= {round(100 * (last / 100) ** (i / 1001)) for i in range(1, 1001)}
    elif last > 200:
        ticks |= {100 + (last - 200) * i // 1001 for i in range(1, 1001)}
    return tuple(sorted(ticks))
