"""What a scheduler remembers between its steps, so that the curve holds whatever happens."""

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
"""A number that differs by more than this part of what was written is a change."""

_OURS = str(Path(__file__).parents[1]) + os.sep
_PYTORCH = str(Path(torch.__file__).parent) + os.sep


@dataclass
class Watch:
    """Which groups a scheduler wrote into, when, and who steps it.

    Attributes:
        built_for: how many groups the optimizer had when the scheduler was made.
        taken: how many were taken up.
        groups: the optimizer's list of groups then. `Optimizer.load_state_dict` makes a new one.
        tick: the tick of which the rates are; None if nothing was written since a load.
        inside: whether PyTorch's own code runs: it calls the same methods as other schedulers.
        by_curve: whether groups or base rates have changed since PyTorch's classes were made, so
            that every step writes the curve.
        is_child: whether another scheduler steps this one.
        is_loaded: whether a state was loaded since the last step.
        stale: what the first step has to warn of, if there is anything.
        has_warned: whether a changed number was warned of.
        has_second: whether there is another scheduler that may be why a base is stale.
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
        """A copy has another optimizer, with a list of its own."""
        return {**vars(self), "groups": None}


class quiet:  # noqa: N801  # used as a function
    """Turn the warnings of running schedulers off, for good or in a ``with`` block.

    ``quiet()`` alone turns them off in this process, whichever scheduler would issue them: a wrong
    pace, a second scheduler, a rate that other code changed, a stale ``initial_lr``, a group that
    is left alone, a missing metric. In a ``with`` block they are off until its end. Errors stay,
    and so do the warnings of `schedlang.parse` and of binding.
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
