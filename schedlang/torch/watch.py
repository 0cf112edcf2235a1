"""What a scheduler wrote into the parameter groups, and what other code has changed since."""

from __future__ import annotations

import os
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from schedlang.errors import ScheduleWarning
from schedlang.torch.groups import Group

TOLERANCE = 1e-9
"""A rate that differs by more than this part of what was written is a change."""

_OURS = str(Path(__file__).parents[1]) + os.sep
_PYTORCH = str(Path(torch.__file__).parent) + os.sep


@dataclass
class Watch:
    """What a scheduler wrote, and which groups it writes into.

    Attributes:
        built_for: how many groups the optimizer had when the scheduler was made.
        bases: the base rates from which the rates were computed.
        rates: what was written, one a group; None where any rate is accepted: a tensor (reading
            one waits for its device), and a group that is left alone.
        groups: the optimizer's list of groups then. `Optimizer.load_state_dict` makes a new one.
        tick: the tick of which the rates are; None if nothing was written since a load.
        inside: whether PyTorch's own code runs: it calls the same methods as other schedulers.
        by_curve: whether groups or base rates have changed since PyTorch's classes were made, so
            that every step writes the curve.
        is_child: whether another scheduler steps this one.
        is_loaded: whether a state was loaded since the last step.
        stale: what the first step has to warn of, if there is anything.
        left_alone: the numbers of the added groups that are not written any more.
        changes: how often the rate of an added group was changed, by its number.
        milestones: the ticks at which a child of a chain begins.
        has_warned: whether a changed rate was warned of.
    """

    built_for: int
    bases: list[float]
    stale: str | None = None
    rates: list[float | None] = field(default_factory=list)
    groups: list[Group] | None = None
    tick: int | None = None
    inside: bool = False
    by_curve: bool = False
    is_child: bool = False
    is_loaded: bool = False
    left_alone: set[int] = field(default_factory=set)
    changes: Counter[int] = field(default_factory=Counter)
    milestones: frozenset[int] = frozenset()
    has_warned: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy has another optimizer, with a list of its own."""
        return {**vars(self), "groups": None}

    def note(self, groups: list[Group], tick: int) -> None:
        """Take the rates that the groups have for those that were written."""
        rates = [group["lr"] for group in groups]
        self.rates = rates
        if self.left_alone or not all(type(rate) is float for rate in rates):
            self.rates = [
                None if i in self.left_alone or isinstance(rate, torch.Tensor) else rate
                for i, rate in enumerate(rates)
            ]
        self.groups = groups
        self.tick = tick

    def write_over(self, groups: list[Group], written: Sequence[float | None]) -> None:
        """Put back the rates that other code has changed, and warn of it.

        A group that was added, and whose rate is changed a second time, is left alone from then on.
        """
        expected = groups is not self.groups and self.is_loaded  # a state has brought them
        for i, (group, rate) in enumerate(zip(groups, written, strict=False)):
            found = group["lr"]
            if rate is None or i in self.left_alone or isinstance(found, torch.Tensor):
                continue
            if abs(found - rate) <= TOLERANCE * abs(rate):
                continue
            if i >= self.built_for and not expected:
                self.changes[i] += 1
                if self.changes[i] > 1:
                    self.leave_alone(i, "other code keeps setting its learning rate")
                    continue
            group["lr"] = rate
            if not expected and not self.has_warned:
                self.has_warned = True
                warn(
                    f"the learning rate of group {i} was changed from {rate:g} to {found:g} by "
                    "other code, and the schedule sets it again: to change it on purpose, assign "
                    "scheduler.base_lrs, or write a product (`*`) instead of a second scheduler"
                )

    def leave_alone(self, group: int, why: str) -> None:
        """Write no rate into this group from now on, and warn of it."""
        self.left_alone.add(group)
        warn(f"parameter group {group} is left alone from now on: {why}")


def warn(message: str) -> None:
    """Issue a `ScheduleWarning` that points to the caller outside schedlang and PyTorch."""
    frame, level = sys._getframe(), 1  # noqa: SLF001  # warnings has no other way before 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_OURS, _PYTORCH)):
        frame, level = frame.f_back, level + 1
    warnings.warn(ScheduleWarning(message), stacklevel=level)
