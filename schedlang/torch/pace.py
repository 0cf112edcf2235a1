"""Whether a schedule moves by one tick at each update; a warning if a trainer steps it wrongly."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from schedlang.torch.watch import warn

if TYPE_CHECKING:
    from schedlang.torch.state import Bound

ENOUGH = 3
"""How many ticks in a row show how a scheduler is stepped; the updates are then counted no more."""
LONG = 1000
"""Updates within one tick that are too many, where a tick is an update."""


def watch_pace(scheduler: Bound, optimizer: Optimizer, tick: str | None) -> None:
    """Count the updates of the first ticks, and warn if they are not one for each tick.

    A wrapper such as Accelerate's has no hooks, and its optimizer has.

    Args:
        scheduler: the one that is looked at.
        optimizer: its optimizer.
        tick: what a tick is, see `schedlang.Program.tick`.
    """
    while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = inner
    if isinstance(getattr(optimizer, "_optimizer_step_post_hooks", None), dict):
        _Pace(scheduler, optimizer, tick)


class _Pace:
    """A hook of the optimizer. It stays there, since PyTorch forbids a hook to remove itself.

    Attributes:
        scheduler: the one that is looked at; None once it is known how it is stepped.
        tick: its tick at the last update.
        counts_updates: whether a tick is to be one update.
        updates: the updates since the tick changed.
        moves: the last moves of the tick, as (updates before it, ticks).
    """

    def __init__(self, scheduler: Bound, optimizer: Optimizer, tick: str | None) -> None:
        self.scheduler: weakref.ref[Bound] | None = weakref.ref(scheduler)
        self.tick = scheduler.last_epoch
        self.counts_updates = tick == "step"
        self.updates = 0
        self.moves: list[tuple[int, int]] = []
        optimizer.register_step_post_hook(self)

    def __call__(self, optimizer: Optimizer, *_: Any) -> None:
        """Look at the tick after an update."""
        if self.scheduler is None or torch.compiler.is_compiling():
            return
        scheduler = self.scheduler()
        if scheduler is None or scheduler.is_inside_another:
            self.scheduler = None
            return
        ticks = scheduler.last_epoch - self.tick
        self.tick = scheduler.last_epoch
        if ticks:
            self.moves = [*self.moves, (self.updates, ticks)][-ENOUGH:]
            self.updates = 0
        self.updates += 1
        message = self._too_fast()
        if message is None and self.counts_updates:
            message = self._too_slow()
        if message is not None or self.moves == [(1, 1)] * ENOUGH:
            self.scheduler = None
        if message is not None:
            warn(message)

    def _too_fast(self) -> str | None:
        """The warning for ticks that come several at a time."""
        moved = [ticks for _, ticks in self.moves]
        if len(moved) < ENOUGH or moved[0] < 2 or len(set(moved)) > 1:
            return None
        return (
            f"the schedule moved by {moved[0]} ticks at a time, {ENOUGH} times: call "
            "scheduler.step() once for each optimizer.step(). Accelerate steps a prepared "
            "scheduler once for each process: do not pass it to accelerator.prepare(), and call it "
            "yourself, `if accelerator.sync_gradients: scheduler.step()`"
        )

    def _too_slow(self) -> str | None:
        """The warning for several updates in a tick, which is to be one update."""
        slow = [updates for updates, ticks in self.moves if ticks == 1 and updates > 1]
        if len(slow) < 2 and self.updates < LONG:
            return None
        return (
            f"there were {max([*slow, self.updates])} optimizer updates in one tick of the "
            "schedule, and one tick is one optimizer update: call scheduler.step() after each "
            "optimizer.step(). Lightning does so only with "
            '{"scheduler": scheduler, "interval": "step"}, which '
            "schedlang.integrations.lightning.configure(self, optimizer, line) returns"
        )
