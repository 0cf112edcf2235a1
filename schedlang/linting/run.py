"""The input of the rules: a line, the begin and end of its stages, and its rates."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from schedlang.errors import Path, ScheduleError, ScheduleWarning
from schedlang.language.consistency import arguments, lengths, walk
from schedlang.language.quantities import Length, Level
from schedlang.language.tree import Settings
from schedlang.phases.base import Phase
from schedlang.program.clock import Clock, merge, nearest_tick
from schedlang.program.program import Program
from schedlang.program.timing import REST, Timed, TimedGroup, TimedPhase, give_rest, taken, time
from schedlang.schedule import Schedule

_NOT_KNOWN = {"missing-setting", "no-base"}
SHORTEST = 10
"""A run of fewer calls of ``step()`` is taken for an example."""
SHORTEST_PERIOD = 4
"""The same threshold for the phases of a line that never ends."""
ASSUMED_TOTAL = 100_000
"""The assumed ticks of a run if all lengths are shares of it."""


class BoundStage(NamedTuple):
    """A top-level stage of the line, or a stage in plain parentheses.

    Attributes:
        phase: the phase; None for a product or a repeat.
        path: its path in the dict form.
        begin: its first tick.
        end: the tick after its last one; None if it never ends.
        timed: its exact lengths.
    """

    phase: Phase | None
    path: Path
    begin: int
    end: int | None
    timed: Timed


@dataclass(frozen=True)
class Run:
    """A line under the known settings.

    Attributes:
        schedule: the line.
        settings: its own and the caller's settings, and the assumed ones.
        assumed: whether a total, or the size of an update, is assumed.
        in_file: whether the line is in a config file.
    """

    schedule: Schedule
    settings: Settings
    assumed: bool
    in_file: bool

    @classmethod
    def of(cls, schedule: Schedule, given: dict[str, Any], *, in_file: bool) -> Run:
        """The line under a binding.

        Raises:
            ScheduleError: if a setting of the binding is wrong.
        """
        assumed = _assumed(schedule, merge(schedule, given))
        settings = merge(schedule, {**given, **assumed})
        return cls(schedule, settings, bool(assumed), in_file)

    @cached_property
    def clock(self) -> Clock:
        return Clock.of(self.schedule, self.settings)

    @cached_property
    def program(self) -> Program | None:
        """The program; None if a required setting is not known.

        Raises:
            ScheduleError: if the line is wrong under the settings.
        """
        known = {name: value for name, value in self.settings if value is not None}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ScheduleWarning)
                return self.schedule.bind(**known)
        except ScheduleError as error:
            if any(mistake.code not in _NOT_KNOWN for mistake in error.mistakes):
                raise
            return None

    @cached_property
    def total(self) -> int | None:
        """The total in ticks that the line or the caller sets."""
        return None if self.assumed or self.program is None else self.program.total

    @cached_property
    def base(self) -> float | None:
        """The base rate in the program's values; None if no value is a share of it."""
        if self.program is None:
            return None
        return 1.0 if self.program.in_shares else self.program.base

    @cached_property
    def length(self) -> int | None:
        """The ticks of the whole run, if known."""
        if self.program is None:
            return None
        return self.program.length if self.program.total is None else self.program.total

    @cached_property
    def is_example(self) -> bool:
        """Whether the run is so short that it is only an example."""
        if self.in_file or self.assumed or self.clock.tick is not None:
            return False
        if self.length is not None:
            return self.length <= SHORTEST
        written = [length.value for _, length in lengths(self.schedule) if length.unit != "%"]
        return bool(written) and max(written) <= SHORTEST_PERIOD

    @cached_property
    def stages(self) -> tuple[BoundStage, ...]:
        """The stages, if all lengths are known."""
        if self.program is None:
            return ()
        timed = time(self.schedule.stages, self.clock, [])
        if self.clock.total is not None:
            give_rest(timed, max(Fraction(0), self.clock.total - taken(timed)[0]))
        return tuple(_placed(timed, Fraction(0)))

    def end_of(self, stage: BoundStage) -> int | None:
        """The tick after the last one of a stage within the run."""
        ends = [end for end in (stage.end, self.length) if end is not None]
        return min(ends, default=None)

    def at(self, tick: int) -> float:
        """The rate at a tick."""
        assert self.program is not None
        return self.program.at(tick)

    def phases(self) -> Iterator[tuple[Path, Phase]]:
        """Every phase of the line with its path."""
        for path, node in walk(self.schedule.stages):
            if isinstance(node, Phase):
                yield path, node

    def levels(self) -> Iterator[tuple[Path, str, Fraction]]:
        """Every level outside products as a share of the base, if known."""
        for path, phase in self.phases():
            if "factors" in path:
                continue
            for name, value in arguments(phase):
                for level in value if isinstance(value, tuple) else (value,):
                    share = self.share(level) if isinstance(level, Level) else None
                    if share is not None:
                        yield (*path, name), name, share

    def share(self, level: Level) -> Fraction | None:
        """A level as a share of the base, if known."""
        if level.share is not None:
            return level.share
        return None if self.settings.lr is None else level.value / self.settings.lr

    def ticks(self, length: Length) -> Fraction | None:
        """A length in ticks, if known."""
        try:
            return self.clock.ticks(length)
        except ScheduleError:
            return None


def _assumed(schedule: Schedule, settings: Settings) -> dict[str, Any]:
    """Settings to assume, if the line has the same shape under any values of them."""
    units = {length.unit for _, length in lengths(schedule)}
    if settings.total is not None:
        units.add(settings.total.unit)
    nodes = (node for _, node in walk(schedule.stages))
    rests = any(isinstance(node, Phase) and node.duration == REST for node in nodes)
    if settings.total is None and (units == {"%"} or (rests and not units)):
        return {"total": ASSUMED_TOTAL}
    for unit, name in (("tok", "tokens_per_step"), ("ex", "samples_per_step")):
        if unit in units and units <= {unit, "%"} and getattr(settings, name) is None:
            return {name: 1}
    return {}


def _placed(timed: Sequence[Timed], begin: Fraction) -> Iterator[BoundStage]:
    """The stages from a tick on, including those in plain parentheses, without empty ones."""
    for stage in timed:
        if isinstance(stage, TimedGroup) and stage.times == 1:
            yield from _placed(stage.stages, begin)
        elif stage.length is None or nearest_tick(begin + stage.length) > nearest_tick(begin):
            end = None if stage.length is None else nearest_tick(begin + stage.length)
            phase = stage.phase if isinstance(stage, TimedPhase) else None
            yield BoundStage(phase, stage.path, nearest_tick(begin), end, stage)
        if stage.length is None:
            return
        begin += stage.length
