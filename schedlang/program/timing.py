"""The lengths of a line in ticks, found in one walk; `rest` gets what the other stages leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from typing_extensions import assert_never

from schedlang.errors import Mistake, Path, ScheduleError, refuse
from schedlang.formula.expressions import LAST_TICK
from schedlang.language.tree import Group, Node, Product
from schedlang.phases.arguments import Duration
from schedlang.phases.base import Phase
from schedlang.program.clock import Clock, nearest_tick


@dataclass(slots=True)
class TimedPhase:
    """A phase and its length.

    Attributes:
        phase: the phase.
        path: its place in the dict form.
        length: the exact ticks that it occupies; None if it never ends.
        skip: the ticks of its curve that are skipped.
        wrong: whether its length is a mistake that is already recorded.
    """

    phase: Phase
    path: Path
    length: Fraction | None
    skip: int = 0
    wrong: bool = False


@dataclass(slots=True)
class TimedGroup:
    """Stages in parentheses; ``round`` is the exact length of a round, None if it never ends."""

    stages: list[Timed]
    path: Path
    times: int | None
    """The number of rounds; None for `x inf`."""
    length: Fraction | None
    round: Fraction | None


@dataclass(slots=True)
class TimedProduct:
    """Factors that begin together; the length is that of the longest one."""

    factors: list[Timed]
    path: Path
    length: Fraction | None


Timed: TypeAlias = TimedPhase | TimedGroup | TimedProduct


def time(stages: Sequence[Node], clock: Clock, mistakes: list[Mistake]) -> list[Timed]:
    """The stages of a line with their lengths; a mistake is recorded and counts as no length."""
    timer = _Timer(clock, mistakes)
    timed, _ = timer.pipeline(stages, ("stages",))
    return timed


def taken(stages: Sequence[Timed]) -> tuple[Fraction, bool]:
    """The total ticks of the bounded stages, and whether all stages are bounded.

    An endless phase counts as 0 ticks. Plain parentheses are transparent; an endless product or
    repeat counts as 0 as a whole.
    """
    total, ends = Fraction(0), True
    for stage in stages:
        if stage.length is not None:
            total += stage.length
            continue
        ends = False
        if isinstance(stage, TimedGroup) and stage.times == 1:
            total += taken(stage.stages)[0]
    return total, ends


def give_rest(stages: Sequence[Timed], rest: Fraction) -> None:
    """Set the length of the phase with `rest`, and that of the parentheses around it."""
    for stage in stages:
        match stage:
            case TimedPhase(phase=phase):
                if phase.duration == REST:
                    stage.length = rest
            case TimedGroup(times=1):
                give_rest(stage.stages, rest)
                stage.length = stage.round = _sum(stage.stages)
            case TimedGroup() | TimedProduct():
                pass
            case _:
                assert_never(stage)


def rests(stages: Sequence[Timed]) -> Iterator[TimedPhase]:
    """The phases whose duration is `rest`."""
    for stage in stages:
        match stage:
            case TimedPhase(phase=phase):
                if phase.duration == REST:
                    yield stage
            case TimedGroup():
                yield from rests(stage.stages)
            case TimedProduct():
                yield from rests(stage.factors)
            case _:
                assert_never(stage)


REST = Duration("rest")
TOO_LATE = "this ends after more than 2^53 ticks"


def _sum(stages: Sequence[Timed]) -> Fraction | None:
    total = Fraction(0)
    for stage in stages:
        if stage.length is None:
            return None
        total += stage.length
    return total


@dataclass
class _Timer:
    clock: Clock
    mistakes: list[Mistake]

    def pipeline(self, stages: Sequence[Node], path: Path) -> tuple[list[Timed], Fraction | None]:
        """The stages and their exact total length."""
        timed: list[Timed] = []
        elapsed: Fraction | None = Fraction(0)
        for i, node in enumerate(stages):
            if elapsed is None:  # a stage after an endless one is a mistake found in the tree
                break
            stage = self.stage(node, (*path, i), elapsed)
            if stage.length is not None and elapsed + stage.length > LAST_TICK:
                self.mistakes.append(Mistake("overflow", TOO_LATE, path=(*path, i)))
                stage.length = Fraction(0)
            timed.append(stage)
            elapsed = None if stage.length is None else elapsed + stage.length
        return timed, elapsed

    def stage(self, node: Node, path: Path, elapsed: Fraction) -> Timed:
        match node:
            case Group(stages=stages, times=times):
                timed, once = self.pipeline(stages, (*path, "stages"))
                count = None if times == "inf" else int(times or 1)
                length = None if once is None or count is None else once * count
                return TimedGroup(timed, path, count, length, once)
            case Product(factors=factors):
                parts = [
                    self.stage(factor, (*path, "factors", i), Fraction(0))
                    for i, factor in enumerate(factors)
                ]
                known = [part.length for part in parts if part.length is not None]
                longest = max(known) if len(known) == len(parts) else None
                return TimedProduct(parts, path, longest)
            case Phase():
                try:
                    return self.phase(node, path, elapsed)
                except ScheduleError as error:
                    self.mistakes += error.under(path)
                    length = Fraction(0) if node.bounded() else None
                    return TimedPhase(node, path, length, wrong=True)
            case _:
                assert_never(node)

    def phase(self, phase: Phase, path: Path, elapsed: Fraction) -> TimedPhase:
        """A phase with its length; ``elapsed`` is its start in its pipeline.

        Raises:
            ScheduleError: if a length cannot be converted, or ends before it begins.
        """
        ticks = self.clock.ticks
        written = getattr(phase, "skip", None)
        exact = Fraction(0) if written is None else ticks(written)
        skip = nearest_tick(exact)
        duration = phase.duration
        if duration is None:
            length = phase.natural_length(ticks)
        elif duration.length is None:
            return TimedPhase(phase, path, Fraction(0), skip)  # see `give_rest`
        elif duration.how == "until":
            length = ticks(duration.length) - elapsed
            if length < 0:
                message = f"position `{duration.length}` lies before the phase begins"
                advice = f"it begins at tick {float(elapsed):g}"
                refuse("out-of-order", message, advice, "duration")
            return TimedPhase(phase, path, length, skip)
        else:
            length = ticks(duration.length)
        if length is None:
            return TimedPhase(phase, path, None, skip)
        if exact > length and nearest_tick(length):
            refuse("out-of-range", "`skip` is longer than the phase", argument="skip")
        return TimedPhase(phase, path, max(Fraction(0), length - skip), skip)
