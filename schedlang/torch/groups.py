"""Parameter groups: their base rates, and how rates are written into them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

Group = dict[str, Any]


def base_rate(group: Group) -> float:
    """The group's base rate: its ``initial_lr`` if it has one, else its ``lr``."""
    return as_written(group.get("initial_lr", group["lr"]))


def base_rates(optimizer: Optimizer) -> list[float]:
    """The base rate of each parameter group."""
    return [base_rate(group) for group in optimizer.param_groups]


def as_written(rate: Any) -> float:
    """The rate as a float; of a number of less precision, the shortest decimal that rounds to it.

    A ``torch.tensor(1e-5)`` is 9.99999974738e-06 in float32, and means 1e-5.
    """
    if isinstance(rate, np.floating):
        return float(str(rate))
    number = float(rate)
    if isinstance(rate, torch.Tensor) and rate.is_floating_point():
        for digits in range(1, 10):
            short = float(f"{number:.{digits}g}")
            if torch.tensor(short, dtype=rate.dtype).item() == number:
                return short
    return number


def has_tensor_rates(optimizer: Optimizer) -> bool:
    """Whether a group's rate is a tensor."""
    return any(isinstance(group["lr"], torch.Tensor) for group in optimizer.param_groups)


def write_rates(
    groups: Iterable[Group], rates: Iterable[float], left_alone: Collection[int] = ()
) -> None:
    """One rate a group; a tensor stays the same tensor, and is filled.

    Args:
        groups: the parameter groups.
        rates: as many rates.
        left_alone: the numbers of groups that keep their values.
    """
    for i, (group, rate) in enumerate(zip(groups, rates, strict=True)):
        if i in left_alone:
            continue
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def last_rates(optimizer: Optimizer) -> list[float | torch.Tensor]:
    """The groups' rates; of a tensor a copy, which the optimizer does not share."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]


def stale_base(groups: Sequence[Group]) -> str | None:
    """The warning for a group whose ``initial_lr`` is not its ``lr``; None if there is none."""
    for i, group in enumerate(groups):
        base, rate = base_rate(group), as_written(group["lr"])
        if abs(base - rate) > 1e-6 * abs(base):
            return (
                f"the base rate of group {i} is its initial_lr={base:g}, set by an earlier "
                f"scheduler, and not its lr={rate:g}: delete initial_lr from the group to use lr, "
                "or load the scheduler's state to resume"
            )
    return None


def restart(groups: Sequence[Group]) -> None:
    """Put each group on its base rate and note that in ``initial_lr``, as PyTorch's classes do.

    A class of PyTorch's that stands alone multiplies the rate that it finds, and some overwrite
    ``initial_lr`` unless there is one.
    """
    for group in groups:
        note_base(group, base_rate(group))
    write_rates(groups, map(base_rate, groups))


def note_base(group: Group, base: float) -> None:
    """Write a base rate into ``initial_lr``: a tensor of its own where the rate is a tensor."""
    rate = group["lr"]
    is_tensor = isinstance(rate, torch.Tensor)
    group["initial_lr"] = torch.full_like(rate, base) if is_tensor else base
