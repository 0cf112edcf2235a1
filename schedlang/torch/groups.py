"""Parameter groups: their base rates, and how a rate or a momentum is written into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

Group = dict[str, Any]


def base_rate(group: Group) -> float:
    """The group's base rate: its ``initial_lr`` if it has one, else its ``lr``."""
    rate: Any = group.get("initial_lr", group["lr"])
    return float(rate)


def base_rates(optimizer: Optimizer) -> list[float]:
    """The base rate of each parameter group."""
    return [base_rate(group) for group in optimizer.param_groups]


def has_tensor_rates(optimizer: Optimizer) -> bool:
    """Whether a group's rate is a tensor."""
    return any(isinstance(group["lr"], torch.Tensor) for group in optimizer.param_groups)


def write_rates(groups: Iterable[Group], rates: Iterable[float]) -> None:
    """One rate a group; a tensor stays the same tensor, and is filled."""
    for group, rate in zip(groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def last_rates(optimizer: Optimizer) -> list[float | torch.Tensor]:
    """The groups' rates; of a tensor a copy, which the optimizer does not share."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]


def restart(groups: Sequence[Group]) -> None:
    """Put each group on its base rate and note that in ``initial_lr``, as PyTorch's classes do.

    A class of PyTorch's that stands alone multiplies the rate that it finds, and some overwrite
    ``initial_lr`` unless there is one.
    """
    for group in groups:
        rate = group["lr"]
        group.setdefault("initial_lr", rate.clone() if isinstance(rate, torch.Tensor) else rate)
    write_rates(groups, map(base_rate, groups))
