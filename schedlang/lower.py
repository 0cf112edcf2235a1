"""From a tree to timelines: lengths become ticks, levels become rates, phases become pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from schedlang import formula
from schedlang.clock import Clock, nearest_tick
from schedlang.errors import Mistakes, Path, Refusal
from schedlang.evaluate import function
from schedlang.formula import BASE, ONE, ZERO, Expr, Number
from schedlang.phases import BUILT_IN
from schedlang.phases.base import Entry, Phase
from schedlang.phases.expression import Fn
from schedlang.phases.plateau import Plateau
from schedlang.program import Loop, Piece, Track
from schedlang.quantities import Length
from schedlang.rules import bounded
from schedlang.text import node_text
from schedlang.tree import Group, Node, Product

LAST_TICK = 2**53
MOST_PIECES = 1_000_000
MOST_ROUNDS = 100_000
DEEPEST_LEVEL = 200
UNKNOWN_END = 1_000_000
"""How far a formula without an end is looked at."""

Out: TypeAlias = tuple["Fraction | None", Expr]
"""The exact moment at which something ends (None: never) and the level that it leaves."""


class At(NamedTuple):
    """Where the walk stands."""

    path: Path
    start: Fraction
    """The exact start of the enclosing pipeline, in ticks of the run."""
    now: Fraction
    level: Expr
    base: Expr
    track: int = 0
    first: bool = True


class Lowered(NamedTuple):
    """A phase at its place."""

    curve: Expr
    leaves: Expr
    facts: dict[str, Any]
    momentum: Expr | None = None
    momentum_leaves: Expr = ZERO


@dataclass
class Lowering:
    """One walk over a tree: a method appends pieces to the tracks and says where it came out."""

    clock: Clock
    mistakes: Mistakes
    rest: Fraction
    tracks: list[list[Piece]] = field(default_factory=lambda: [[]])
    loops: dict[int, Loop] = field(default_factory=dict)
    momentum: list[Piece] = field(default_factory=list)
    momentum_loop: Loop | None = None
    plateau: dict[str, Any] | None = None
    _seen: dict[Any, Lowered] = field(default_factory=dict)

    def finish(self, out: Out) -> tuple[tuple[Track, ...], Track | None]:
        """The tracks without gaps, the end held; and the momentum's."""
        end, level = out
        if end is not None:
            self.tracks[0].append(Piece(nearest_tick(end), None, level))
        tracks = tuple(
            Track(_closed(pieces, self.loops.get(i)), self.loops.get(i))
            for i, pieces in enumerate(self.tracks)
        )
        momentum = Track(_held(self.momentum), self.momentum_loop) if self.momentum else None
        return tracks, momentum

    def pipeline(self, stages: Sequence[Node], at: At) -> Out:
        """Stages one after the other, from ``at.now`` on."""
        now: Fraction | None = at.now
        level = at.level
        for i, node in enumerate(stages):
            if now is None:  # what stands after something endless was refused before
                break
            here = At((*at.path, i), at.now, now, level, at.base, at.track, at.first and i == 0)
            now, level = self.stage(node, here)
        return now, level

    def stage(self, node: Node, at: At) -> Out:
        match node:
            case Group(times="inf"):
                return self.endless(node, at)
            case Group(stages=stages, times=times):
                out: Out = (at.now, at.level)
                inside = at._replace(path=(*at.path, "stages"))
                for again in range(times if isinstance(times, int) else 1):
                    if out[0] is not None:
                        here = inside._replace(
                            now=out[0], level=out[1], first=at.first and again == 0
                        )
                        out = self.pipeline(stages, here)
                return out
            case Product(factors=factors):
                return self.product(factors, at)
            case Phase():
                return self.phase(node, at)

    def product(self, factors: Sequence[Node], at: At) -> Out:
        """Each factor as shares on a track of its own; the first has the level at entry."""
        begin = nearest_tick(at.now)
        held = len(self.tracks[at.track]) if at.track < len(self.tracks) else 0
        outs: list[tuple[int, Fraction | None, Expr]] = []
        track = at.track
        for i, factor in enumerate(factors):
            if i:
                track = next(j for j in count(track + 1) if self._free(j, begin))
            path = (*at.path, "factors", i)
            outs.append((track, *self.stage(factor, At(path, at.now, at.now, ONE, ONE, track))))
        ends = [end for _, end, _ in outs if end is not None]
        last = max(ends) if len(ends) == len(outs) else None
        for track, end, share in outs:
            if end is not None and end != last:
                until = None if last is None else nearest_tick(last)
                if until is None or until > nearest_tick(end):
                    self._add(track, Piece(nearest_tick(end), until, share))
        for track in {track for track, _, _ in outs} & set(range(len(self.tracks))):
            pieces = self.tracks[track]
            for i, piece in enumerate(pieces):
                if track == at.track and i >= held:
                    pieces[i] = piece._replace(curve=_times(at.level, piece.curve), factor=True)
                elif track != at.track and piece.begin >= begin:
                    pieces[i] = piece._replace(factor=True)
        level = at.level
        for _, _, share in outs:
            level = _times(level, share)
        return last, level

    def endless(self, group: Group, at: At) -> Out:
        """The first round, then those that repeat (several, where they are rounded unlike)."""
        inside = at._replace(path=(*at.path, "stages"))
        before = [len(pieces) for pieces in self.tracks]
        end, level = self.pipeline(group.stages, inside)
        if end is None:
            return None, level
        length = end - at.now
        if not nearest_tick(length * length.denominator):
            message = "a round of `x inf` has no length"
            self.mistakes.add("out-of-range", message, "give it one", at.path)
            return None, level
        again = [len(pieces) for pieces in self.tracks]
        round_pieces = sum(again) - sum(before)
        too_many = round_pieces * length.denominator > MOST_PIECES
        if too_many or length.denominator > MOST_ROUNDS:
            message = "the rounds of this `x inf` are rounded to ticks in too many ways"
            self.mistakes.add("too-long", message, "give a round a length in whole ticks", at.path)
            return None, level
        moved = len(self.momentum)
        begin, entering = end, level
        for _ in range(length.denominator):
            here = inside._replace(now=end, level=level, first=False)
            out, leaving = self.pipeline(group.stages, here)
            if out is None or not _same(leaving, level):
                message = "every round of `x inf` must enter on the same level; this one drifts"
                advice = "end the round on the level at which it starts"
                self.mistakes.add("repeat-differs", message, advice, at.path)
                return None, level
            end = out
        loop = Loop(nearest_tick(begin), nearest_tick(end) - nearest_tick(begin))
        loop = self._without_first(loop, before, again, length)
        for i, pieces in enumerate(self.tracks):
            if len(pieces) > (before[i] if i < len(before) else 0):
                self.loops[i] = loop
        if len(self.momentum) > moved:
            self.momentum_loop = Loop(nearest_tick(begin), loop.period)
        return None, entering

    def _without_first(
        self, loop: Loop, before: list[int], again: list[int], length: Fraction
    ) -> Loop:
        """The loop from its first round on, if that is like the others."""
        if length.denominator != 1:
            return loop
        for i, pieces in enumerate(self.tracks):
            start = before[i] if i < len(before) else 0
            half = again[i] if i < len(again) else 0
            first, second = pieces[start:half], pieces[half:]
            if [(p.begin + loop.period, p.curve) for p in first] != [
                (p.begin, p.curve) for p in second
            ]:
                return loop
        for i, pieces in enumerate(self.tracks):
            del pieces[again[i] if i < len(again) else 0 :]
        return Loop(loop.begin - loop.period, loop.period)

    def phase(self, phase: Phase, at: At) -> Out:
        try:
            return self._phase(phase, at)
        except Refusal as refusal:
            self.mistakes.found.append(refusal.mistake(at.path))
            return (at.now if bounded(phase) else None), at.level

    def _phase(self, phase: Phase, at: At) -> Out:
        skip, length = extent(phase, at.start, at.now, self.clock.ticks, self.rest)
        begin = nearest_tick(at.now)
        end = None if length is None else nearest_tick(at.now + length)
        if end is not None and end > LAST_TICK:
            raise Refusal("overflow", "this ends after more than 2^53 ticks")
        entry = Entry(
            level=at.level,
            base=at.base,
            ticks=None if end is None else end - begin + skip,
            skip=skip,
            first=at.first,
            elapsed=at.now - at.start,
            origin=at.start - begin,
            convert=self.clock.ticks,
        )
        key = (id(phase), entry.ticks, *at[3:], entry.elapsed, entry.origin, end == begin)
        lowered = self._seen.get(key)
        if lowered is None:
            lowered = self._seen[key] = self._lower(phase, entry, empty=end == begin)
        if end != begin:
            text = lowered.facts["text"]
            self._add(at.track, Piece(begin, end, lowered.curve, phase.kind, lowered.facts, text))
            if lowered.momentum is not None:
                facts = {"leaves": lowered.momentum_leaves}
                self.momentum.append(Piece(begin, end, lowered.momentum, phase.kind, facts, text))
        if isinstance(phase, Plateau):
            self.plateau = {**lowered.facts, "begin": begin}
        return (None if length is None else at.now + length), lowered.leaves

    def _lower(self, phase: Phase, entry: Entry, *, empty: bool) -> Lowered:
        """The curve, the end level and the facts of a phase at its place."""
        phase.check(entry)
        if empty:
            return Lowered(ZERO, phase.skipped(entry), {})
        curve = phase.curve(entry)
        leaves = entry.level if entry.ticks is None else phase.end(entry, curve)
        if isinstance(leaves, Number) and not isfinite(leaves.value):
            raise Refusal("overflow", "this ends on a rate that does not fit into a double")
        if not isinstance(leaves, Number) and sum(1 for _ in formula.walk(leaves)) > DEEPEST_LEVEL:
            raise Refusal("no-base", "too many levels here hang on the base rate", "say lr=")
        if isinstance(phase, Fn) or phase.kind not in BUILT_IN:
            _look_at(curve, entry, self.clock)
        facts = {**phase.facts(entry), "text": node_text(phase)}
        momentum = phase.momentum_curve(entry)
        if momentum is None or entry.ticks is None:
            return Lowered(curve, leaves, facts, momentum)
        return Lowered(curve, leaves, facts, momentum, phase.momentum_end(entry, momentum))

    def _add(self, track: int, piece: Piece) -> None:
        while len(self.tracks) <= track:
            self.tracks.append([])
        self.tracks[track].append(piece)

    def _free(self, track: int, tick: int) -> bool:
        """Whether nothing stands on a track from a tick on."""
        if track in self.loops:
            return False
        pieces = self.tracks[track] if track < len(self.tracks) else []
        return not pieces or (pieces[-1].end is not None and pieces[-1].end <= tick)


def extent(
    phase: Phase,
    start: Fraction,
    now: Fraction,
    ticks: Callable[[Length], Fraction],
    rest: Fraction,
) -> tuple[int, Fraction | None]:
    """The ticks that a phase skips, and the exact ones that it occupies (None: for ever).

    Raises:
        Refusal: if a length cannot be converted, or there is no such stretch.
    """
    written: Length | None = getattr(phase, "skip", None)
    exact = Fraction(0) if written is None else ticks(written)
    skip = nearest_tick(exact)
    duration = phase.duration
    if duration is None:
        length = phase.natural_length(ticks)
    elif duration.length is None:
        return skip, rest
    elif duration.how == "until":
        length = start + ticks(duration.length) - now
        if length < 0:
            message = f"position `{duration.length}` lies before the phase begins"
            advice = f"it begins at tick {float(now - start):g}"
            raise Refusal("out-of-order", message, advice, "duration")
        return skip, length
    else:
        length = ticks(duration.length)
    if length is None:
        return skip, None
    if exact > length:
        raise Refusal("out-of-range", "`skip` is longer than the phase", argument="skip")
    return skip, max(Fraction(0), length - skip)


def _closed(pieces: list[Piece], loop: Loop | None) -> tuple[Piece, ...]:
    """The pieces with 1 where there is none: before, between, and after them."""
    closed: list[Piece] = []
    tick = 0
    for piece in pieces:
        if piece.begin > tick:
            closed.append(Piece(tick, piece.begin, ONE, factor=True))
        closed.append(piece)
        tick = piece.begin if piece.end is None else piece.end
    last = loop.begin + loop.period if loop is not None else None
    if not closed or (closed[-1].end is not None and closed[-1].end != last):
        closed.append(Piece(tick, last, ONE, factor=True))
    return tuple(closed)


def _held(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Between two phases that move it, and after them, the momentum stays where it is."""
    held: list[Piece] = []
    for i, piece in enumerate(pieces):
        held.append(piece)
        following = pieces[i + 1].begin if i + 1 < len(pieces) else None
        if piece.end is not None and piece.end != following:
            held.append(Piece(piece.end, following, piece.facts["leaves"]))
    return tuple(held)


def _times(x: Expr, y: Expr) -> Expr:
    if isinstance(x, Number) and isinstance(y, Number):
        return Number(x.value * y.value)
    return formula.mul(x, y)


def _same(x: Expr, y: Expr) -> bool:
    if isinstance(x, Number) and isinstance(y, Number):
        return abs(x.value - y.value) <= 1e-12 * max(abs(x.value), abs(y.value))
    return x == y


def _look_at(curve: Expr, entry: Entry, clock: Clock) -> None:
    """Refuse a formula whose value is negative or not finite at a tick that is looked at."""
    if not isinstance(entry.base, Number):
        curve = formula.substitute(curve, {BASE.name: ONE})
    compute = function(curve, ("t",))
    last = (entry.ticks or int(clock.total or UNKNOWN_END)) - 1
    ticks = {*range(min(100, last + 1)), *range(max(0, last - 99), last + 1)}
    if last > 200:
        ticks |= {100 + (last - 200) * i // 1001 for i in range(1, 1001)}
    for tick in sorted(ticks):
        rate = compute(float(tick))
        if not isfinite(rate) or rate < 0:
            message = f"the value at tick {tick} of this phase is {rate:g}"
            raise Refusal("not-finite", message, "a rate is finite and not negative")
