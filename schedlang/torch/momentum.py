"""The momentum that `cyclic` and `onecycle` move: SGD's ``momentum``, or Adam's first beta."""

from __future__ import annotations

import torch
from torch.optim import Optimizer

from schedlang.program import Program


def momentum_key(optimizer: Optimizer) -> str | None:
    """Where the optimizer keeps its momentum: ``"betas"``, ``"momentum"``, or nowhere."""
    for key in ("betas", "momentum"):  # in PyTorch's own order
        if all(key in group for group in optimizer.param_groups):
            return key
    return None


def check_momentum(program: Program, optimizer: Optimizer) -> None:
    """Refuse an optimizer without momentum where the schedule moves it.

    Raises:
        ValueError: naming the phase.
    """
    if program.momentum is not None and momentum_key(optimizer) is None:
        raise ValueError(
            f"`{program.momentum.pieces[0].text}` moves the momentum, and {type(optimizer).__name__} "
            "has neither `momentum` nor `betas`: leave momentum= out"
        )


def momenta(program: Program, first: int, last: int) -> list[float | None]:
    """The momentum at the ticks ``first, …, last - 1``; None before the first phase that moves it."""
    track = program.momentum
    if track is None:
        return [None] * (last - first)
    begin = min(max(first, track.begins[0]), last)
    return [None] * (begin - first) + track.fill(begin, last).tolist()


def has_tensor_betas(optimizer: Optimizer) -> bool:
    """Whether a group's first beta is a tensor."""
    firsts = [group["betas"][0] for group in optimizer.param_groups if "betas" in group]
    return any(isinstance(first, torch.Tensor) for first in firsts)


def write_momentum(optimizer: Optimizer, momentum: float) -> None:
    """The same momentum to all groups; a tensor stays the same tensor, and is filled."""
    key = momentum_key(optimizer)
    for group in optimizer.param_groups:
        if key == "momentum":
            group["momentum"] = momentum
        elif isinstance(group["betas"][0], torch.Tensor):
            group["betas"][0].fill_(momentum)
        else:
            group["betas"] = (momentum, *group["betas"][1:])
