"""`plateau` in PyTorch: which metrics count, and the resulting levels of the groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from schedlang import plateau
from schedlang.formula.expressions import Number
from schedlang.formula.levels import pair
from schedlang.program.program import Program
from schedlang.torch.watch import warn


@dataclass
class ClosingPlateauMemory(plateau.PlateauMemory):
    """The memory of a plateau; part of the state.

    Attributes:
        silent_since: the tick of the last metric, or of the plateau's begin; None after a warning
            of missing metrics.
    """

    silent_since: int | None = None


@dataclass
class ClosingPlateau(plateau.ReduceOnPlateau):
    """A final plateau, with its position in the run.

    Attributes:
        begin: its first tick.
        text: the phase as written.
        monitor: the name of the metric.
        clock: what a tick is; every epoch must have a metric, but not every update.
        silence: the number of updates without a metric that causes a warning; None if not known.
    """

    begin: int
    text: str
    monitor: str
    clock: Literal["step", "epoch"] | None
    silence: int | None
    memory: ClosingPlateauMemory = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.memory = ClosingPlateauMemory(self.memory.best, silent_since=self.begin)

    @classmethod
    def in_program(cls, program: Program) -> ClosingPlateau | None:
        """The final plateau of a program, if it has one."""
        phase = program.plateau
        if phase is None:
            return None
        epoch = program.steps_per_epoch
        return cls.of(
            phase,
            begin=phase["begin"],
            text=phase["text"],
            monitor=phase["monitor"],
            clock=program.tick,
            silence=2 * epoch if program.tick == "step" and epoch else None,
        )

    def restore(self, memory: Mapping[str, Any] | None, tick: int) -> None:
        """Restore a saved memory.

        Raises:
            ValueError: if it is missing although earlier metrics were counted.
        """
        if memory is not None:
            self.memory = ClosingPlateauMemory(**memory)
        elif tick > self.begin:
            inside = f"tick {tick} lies inside `{self.text}`, whose rate depends on earlier metrics"
            raise ValueError(f"{inside}: load a state that contains them")

    def receive_at(self, tick: int, metric: float) -> bool:
        """Process a metric at a tick. Returns whether it reduces the rate."""
        if self.memory.silent_since is not None:
            self.memory.silent_since = tick
        return self.receive(metric)

    def counts(self, tick: int) -> bool:
        """Whether a metric that is observed at a tick counts.

        If a tick is an update, the epoch ended with the previous tick. Otherwise the metric is that
        of the current tick, observed before the `step` that ends it.
        """
        return tick > self.begin if self.clock == "step" else tick >= self.begin

    def miss(self, tick: int) -> None:
        """Process a step without a metric, which ends a tick of the plateau.

        Raises:
            TypeError: if a tick is an epoch, and no metric was observed in it.
        """
        memory = self.memory
        since = memory.silent_since
        if self.clock == "step":
            if self.silence is not None and since is not None and tick + 1 - since >= self.silence:
                memory.silent_since = None
                warn(
                    f"`{self.text}` received no metric for two whole epochs: "
                    "call scheduler.observe(metric) once an epoch"
                )
        elif since == tick and self._has_received():
            return
        elif self.clock == "epoch":
            raise TypeError(
                f"step() inside `{self.text}` needs its argument `metric`: "
                f"scheduler.step({self.monitor})"
            )
        elif since is not None:
            memory.silent_since = None
            warn(
                f"step() ended a tick inside `{self.text}` without a metric: pass it, "
                f"scheduler.step({self.monitor}), or call scheduler.observe({self.monitor}) once "
                "an epoch; set clock=step if a tick is an optimizer update"
            )

    def _has_received(self) -> bool:
        memory = self.memory
        return math.isfinite(memory.best) or memory.bad > 0 or memory.reductions > 0


class ReducedRates:
    """The groups' rates in a plateau after a number of reductions."""

    def __init__(self, plateau: ClosingPlateau, program: Program, bases: Sequence[float]) -> None:
        self._plateau = plateau
        self._entries = _rates_of(program, "entry", bases)
        self._floors = _rates_of(program, "min", bases)
        self._reductions, self._now = 0, self._entries

    def after(self, reductions: int) -> list[float]:
        """Each group's rate, never below its floor."""
        if reductions < self._reductions:
            self._reductions, self._now = 0, self._entries
        while self._reductions < reductions:
            before = self._now
            each = zip(before, self._floors, strict=True)
            self._now = [self._plateau.reduced(rate, floor) for rate, floor in each]
            self._reductions = reductions if self._now == before else self._reductions + 1
        return self._now


def _rates_of(
    program: Program, name: Literal["entry", "min"], bases: Sequence[float]
) -> list[float]:
    """A level of the plateau for each base: one evaluation, then a multiply-add per group."""
    phase = program.symbolic_plateau or {}
    parts = pair(phase[name]) if len(set(bases)) > 1 else None
    if parts is not None:
        return [parts[0] * base + parts[1] for base in bases]
    each: dict[float, float] = {}
    for base in dict.fromkeys(bases):
        level = (program.rebase(base).plateau or {})[name]
        assert isinstance(level, Number)
        each[base] = level.value
    return [each[base] for base in bases]
