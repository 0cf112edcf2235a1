"""The momentum that `cyclic` and `onecycle` schedule: SGD's ``momentum``, or Adam's first beta."""

from __future__ import annotations

import torch
from torch.optim import Optimizer

from schedlang.program.program import Program
from schedlang.torch.groups import ParamGroup, Slot


def check_momentum(program: Program, optimizer: Optimizer) -> None:
    """Raise an error for an optimizer without momentum if the schedule changes it.

    Raises:
        ValueError: naming the phase.
    """
    groups = optimizer.param_groups
    if program.momentum is not None and not all(
        "betas" in group or "momentum" in group for group in groups
    ):
        text, name = program.momentum.pieces[0].text, type(optimizer).__name__
        what = f"`{text}` moves the momentum, and {name} has neither `momentum` nor `betas`"
        raise ValueError(f"{what}: leave momentum= out")


def momenta(program: Program, first: int, last: int) -> dict[int, float]:
    """The momentum by tick, for ``first, …, last - 1``, from the first phase that changes it."""
    track = program.momentum
    if track is None:
        return {}
    begin = min(max(first, track.begins[0]), last)
    return dict(zip(range(begin, last), track.fill(begin, last).tolist(), strict=True))


def has_tensor_betas(optimizer: Optimizer) -> bool:
    """Whether a group's first beta is a tensor."""
    firsts = [group["betas"][0] for group in optimizer.param_groups if "betas" in group]
    return any(isinstance(first, torch.Tensor) for first in firsts)


def momentum_slot(group: ParamGroup) -> Slot:
    """The slot of a group's momentum."""
    return Slot("beta1", "betas", 0) if "betas" in group else Slot("momentum", "momentum")
