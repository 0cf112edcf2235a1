"""Finds other schedulers on the same optimizer, of which PyTorch has no list."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

from schedlang.torch.groups import Slot

if TYPE_CHECKING:
    from schedlang.torch.scheduler import BoundScheduler


def other_schedulers(scheduler: LRScheduler) -> list[LRScheduler]:
    """The other schedulers on a scheduler's optimizer, without children of any of them.

    It searches all live objects, so it is used only for a warning, not in a step.
    """
    on = [
        each
        for each in gc.get_objects()
        if issubclass(type(each), LRScheduler)  # `isinstance` may run code of lazy proxies
        and getattr(each, "optimizer", None) is scheduler.optimizer
    ]
    outer = [each for each in on if not _is_in(scheduler, _children(each))]
    inner = [child for each in outer for child in _children(each)]
    return [each for each in outer if each is not scheduler and not _is_in(each, inner)]


def who_wrote(
    scheduler: BoundScheduler, slot: Slot, group: int, number: float
) -> LRScheduler | None:
    """The other scheduler that wrote a number into a group last; None if there is none."""
    for other in other_schedulers(scheduler):
        written = _written(other, slot, group)
        if written is not None and math.isclose(written, number, rel_tol=1e-9):
            return other
    return None


def _written(scheduler: Any, slot: Slot, group: int) -> float | None:
    assignments = getattr(scheduler, "_assignments", None)
    if assignments is not None:
        for each in assignments:
            if each.slot == slot and group in each.members:
                number: float = each.at(scheduler.last_epoch)[each.members.index(group)]
                return number
        return None
    rates = getattr(scheduler, "_last_lr", ()) if slot.name == "lr" else ()
    return float(rates[group]) if group < len(rates) else None


def _children(scheduler: LRScheduler) -> list[LRScheduler]:
    return list(getattr(scheduler, "_schedulers", ()))


def _is_in(scheduler: LRScheduler, several: list[LRScheduler]) -> bool:
    return any(each is scheduler for each in several)
