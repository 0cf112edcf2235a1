"""The memory of a scheduler between steps, by which it detects changes of the optimizer."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from schedlang.errors import ScheduleWarning
from schedlang.torch.groups import ParamGroup

TOLERANCE = 1e-9
"""A larger relative difference from the number written is a change."""

_OURS = str(Path(__file__).parents[1]) + os.sep
_PYTORCH = str(Path(torch.__file__).parent) + os.sep


@dataclass
class Watch:
    """Which groups a scheduler wrote, when, and what steps it.

    Attributes:
        built_for: the number of groups when the scheduler was constructed.
        taken: the number of groups that have been scheduled so far.
        groups: the optimizer's list of groups; `Optimizer.load_state_dict` makes a new list.
        tick: the tick of the written numbers; None if nothing was written since a load.
        inside: whether PyTorch's own code is running, which calls the same methods as others do.
        by_curve: whether groups or base rates have changed since PyTorch's classes were
            constructed, so that every step writes the values of the curve.
        is_child: whether another scheduler steps this one.
        is_loaded: whether a state was loaded since the last step.
        stale: the warning to issue at the first step, if any.
        has_warned: whether a warning about a changed number was issued.
        has_second: whether there is another scheduler that may have caused a stale base.
    """

    built_for: int
    taken: int
    stale: str | None = None
    groups: list[ParamGroup] | None = None
    tick: int | None = None
    inside: bool = False
    by_curve: bool = False
    is_child: bool = False
    is_loaded: bool = False
    has_warned: bool = False
    has_second: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """The state without the list of groups, since a copy has another optimizer."""
        return {**vars(self), "groups": None}


class quiet:  # noqa: N801  # used as a function
    """Turn off the warnings of running schedulers, permanently or in a ``with`` block.

    A call ``quiet()`` turns them off for all schedulers in this process: a wrong pace, a second
    scheduler, a rate that other code changed, a stale ``initial_lr``, a group that is no longer
    scheduled, a missing metric. In a ``with`` block they are off until its end. Errors are not
    affected, nor are the warnings of `schedlang.parse` and of binding.
    """

    _is_on = False

    def __init__(self) -> None:
        self._before = quiet._is_on
        quiet._is_on = True

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        quiet._is_on = self._before


def is_quiet() -> bool:
    """Whether the warnings of running schedulers are off."""
    return quiet._is_on  # noqa: SLF001  # of this module


def warn(message: str) -> None:
    """Issue a `ScheduleWarning` that points to the caller outside schedlang and PyTorch."""
    if is_quiet():
        return
    frame, level = sys._getframe(), 1  # noqa: SLF001  # warnings has no other way before 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_OURS, _PYTORCH)):
        frame, level = frame.f_back, level + 1
    warnings.warn(ScheduleWarning(message), stacklevel=level)
