"""Watches how often a scheduler is stepped per optimizer update, and warns if it is wrong."""

from __future__ import annotations

import weakref
from math import inf
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from schedlang.program.program import Program
from schedlang.torch.watch import is_quiet, warn

if TYPE_CHECKING:
    from schedlang.torch.scheduler import BoundScheduler

ENOUGH = 3
"""The number of consecutive changes of the tick that show how a scheduler is stepped."""
LONG = 1000
"""The number of updates within one tick, or after the end, that causes a warning."""
SHORT = 10
"""The minimum number of updates without a step, even for two short epochs, before a warning."""


def watch_pace(
    scheduler: BoundScheduler, optimizer: Optimizer, program: Program, end: int | None
) -> None:
    """Check the scheduler's tick after each update, and warn if it is stepped wrongly.

    A wrapper such as Accelerate's has no hooks, but its optimizer has.

    Args:
        scheduler: the scheduler.
        optimizer: its optimizer.
        program: its program; for a plan any of them, since they share the clock and the total.
        end: the first tick from which all rates are constant; None if there is none.
    """
    while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = inner
    if isinstance(getattr(optimizer, "_optimizer_step_post_hooks", None), dict):
        _Pace(scheduler, optimizer, program, end)


class _Pace:
    """A hook of the optimizer. It is never removed, since PyTorch forbids a hook to remove itself.

    Attributes:
        scheduler: the scheduler.
        wait: the number of updates until the next check; infinite if nothing is left to check.
        tick: its tick at the last update.
        unit: what one tick is.
        per_epoch: the updates of an epoch, if known.
        end: the first tick from which all rates are constant.
        has_total: whether the end is a given total, not that of the phases.
        updates: the updates since the tick changed.
        moves: the last changes of the tick, as (updates before it, ticks).
        is_right: whether the moves have shown that it is stepped correctly.
        past: the updates after the end.
    """

    def __init__(
        self, scheduler: BoundScheduler, optimizer: Optimizer, program: Program, end: int | None
    ) -> None:
        self.scheduler = weakref.ref(scheduler)
        self.wait = 1.0
        self.tick = scheduler.last_epoch
        self.unit = program.tick
        self.per_epoch = program.steps_per_epoch
        self.has_total = program.total is not None
        self.end = inf if end is None else end
        self.updates = 0
        self.moves: list[tuple[int, int]] = []
        self.is_right = False
        self.past = 0
        optimizer.register_step_post_hook(self)

    def __call__(self, optimizer: Optimizer, *_: Any) -> None:
        """Check the tick after an update."""
        if torch.compiler.is_compiling():
            return
        self.wait -= 1
        if self.wait > 0:
            return
        scheduler = self.scheduler()
        if scheduler is None or scheduler.is_inside_another:
            self.wait = inf
            return
        tick, before = scheduler.last_epoch, self.tick
        self.tick, self.wait = tick, 1
        if is_quiet():
            self.updates, self.moves, self.past = 0, [], 0
            return
        message = None if self.is_right else self._pace(scheduler, tick - before)
        if tick > self.end:
            self.past += 1
            if message is None and self.past >= LONG:
                message = self._past_the_end(scheduler)
        elif self.is_right:
            self.wait = self.end - tick + 1  # a tick has at least one update
        if message is not None:
            self.wait = inf
            warn(message)

    def _pace(self, scheduler: BoundScheduler, ticks: int) -> str | None:
        """The warning for a wrong pace, given the ticks since the last update; else None."""
        if ticks:
            self.moves = [*self.moves, (self.updates, ticks)][-ENOUGH:]
            self.updates = 0
        self.updates += 1
        message = self._too_fast()
        if message is None:
            message = self._too_slow() if self.unit == "step" else self._once_an_update()
        if message is None and self.updates > 1 and self._too_many < inf:
            # In a learning-rate search, or while another scheduler is active, no step is expected.
            if scheduler.is_disturbed() or scheduler.is_in_plateau():
                self.updates = 0
            elif self.updates >= self._too_many:
                message = self._no_step()
        self.is_right = len(self.moves) == ENOUGH and all(
            updates > 0 and ticks == 1 for updates, ticks in self.moves
        )
        return message

    @property
    def _too_many(self) -> float:
        """The number of updates without a step that causes a warning."""
        two_epochs = max(2 * self.per_epoch, SHORT) if self.per_epoch else inf
        return min(two_epochs, LONG) if self.unit == "step" else two_epochs

    def _too_fast(self) -> str | None:
        """The warning for several ticks at a time."""
        moved = [ticks for _, ticks in self.moves]
        if len(moved) < ENOUGH or moved[0] < 2 or len(set(moved)) > 1:
            return None
        return (
            f"the schedule advanced by {moved[0]} ticks at a time, {ENOUGH} times: call "
            "scheduler.step() once for each optimizer.step(). Accelerate steps a prepared "
            "scheduler once for each process: do not pass it to accelerator.prepare(), and call it "
            "yourself, `if accelerator.sync_gradients: scheduler.step()`"
        )

    def _too_slow(self) -> str | None:
        """The warning for several updates in a tick that should be one update."""
        slow = [updates for updates, ticks in self.moves if ticks == 1 and updates > 1]
        return None if len(slow) < 2 else _too_slow(max(slow))

    def _once_an_update(self) -> str | None:
        """The warning for a tick at each update, if a tick is an epoch of several updates."""
        per_epoch = self.per_epoch or 1
        if self.unit != "epoch" or per_epoch < 2 or self.moves != [(1, 1)] * ENOUGH:
            return None
        return (
            "scheduler.step() was called after each of the first optimizer updates, and one tick "
            f"of the schedule is one epoch, of {per_epoch} updates (steps_per_epoch): call it once "
            "an epoch, or leave clock=epoch out to count updates"
        )

    def _no_step(self) -> str:
        """The warning for too many updates since the last tick."""
        epochs = self.updates // self.per_epoch if self.per_epoch else 0
        if epochs < 2:
            return _too_slow(self.updates)
        when = "at the end of each epoch" if self.unit == "epoch" else "after each optimizer.step()"
        return (
            f"there were {self.updates} optimizer updates, which are {epochs} epochs of "
            f"{self.per_epoch} (steps_per_epoch), and no scheduler.step(): call it {when}"
        )

    def _past_the_end(self, scheduler: BoundScheduler) -> str | None:
        """The warning for a run that continues long after the end of the schedule."""
        if 2 * self.tick < 3 * self.end:
            return None
        if not self.has_total and scheduler.ends_on_its_peak(int(self.end)):
            self.wait = inf  # a warm-up, after which the rate stays constant on purpose
            return None
        ended = f"has a total of {self.end:,}" if self.has_total else f"ends after {self.end:,}"
        unit = {"step": "optimizer update", "epoch": "epoch", None: "call of scheduler.step()"}
        meant = "give the total of the whole run"
        if not self.has_total:
            meant = "write `-> hold` at the end of the line, which holds the end"
        return (
            f"the schedule {ended} ticks, and this is tick {self.tick:,}: the rate has not moved "
            f"since its end. One tick is one {unit[self.unit]}. If scheduler.step() is called so, "
            f"{meant}"
        )


def _too_slow(updates: int) -> str:
    return (
        f"there were {updates} optimizer updates in one tick of the schedule, and one tick is one "
        "optimizer update: call scheduler.step() after each optimizer.step(). Lightning does so "
        'only with {"scheduler": scheduler, "interval": "step"}, which '
        "schedlang.integrations.lightning.configure(self, optimizer, line) returns"
    )
