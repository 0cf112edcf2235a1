"""Parameter groups: the location of their numbers, their bases, and writing numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.optim import Optimizer

ParamGroup = dict[str, Any]


class Slot(NamedTuple):
    """The location of a number in a parameter group.

    Attributes:
        name: the hyperparameter, such as ``weight_decay`` or ``beta1``.
        key: the key of the group, such as ``betas``.
        item: the index in the value of the key; None if the value is the number itself.
    """

    name: str
    key: str
    item: int | None = None

    @property
    def initial(self) -> str:
        """The key of the base: ``initial_lr``, as in PyTorch, and likewise for others."""
        return f"initial_{self.name}"

    def read(self, group: ParamGroup) -> Any:
        """The number in the group."""
        found = group[self.key]
        return found if self.item is None else found[self.item]

    def write(self, group: ParamGroup, number: float) -> None:
        """Set the number; a tensor is updated in place."""
        found = self.read(group)
        if isinstance(found, torch.Tensor):
            found.fill_(number)
        elif self.item is None:
            group[self.key] = number
        else:
            several = list(group[self.key])
            several[self.item] = number
            group[self.key] = tuple(several)

    def base(self, group: ParamGroup) -> float:
        """The base: ``initial_…`` if the group has it, else the number."""
        return as_written(group.get(self.initial, self.read(group)))

    def note_base(self, group: ParamGroup, base: float) -> None:
        """Store a base in ``initial_…``: as a separate tensor if the number is a tensor."""
        found = self.read(group)
        is_tensor = isinstance(found, torch.Tensor)
        group[self.initial] = torch.full_like(found, base) if is_tensor else base

    def stale(self, groups: Iterable[tuple[int, ParamGroup]]) -> str | None:
        """The warning for a group whose base differs from its number; None if there is none."""
        of = "base rate" if self.name == "lr" else f"base of {self.name}"
        for i, group in groups:
            base, number = self.base(group), as_written(self.read(group))
            if abs(base - number) > 1e-6 * abs(base):
                return (
                    f"the {of} of group {i} is its {self.initial}={base:g}, set by an earlier "
                    f"scheduler, and not its {self.name}={number:g}: delete {self.initial} from "
                    f"the group to use {self.name}, or load the scheduler's state to resume"
                )
        return None


LR = Slot("lr", "lr")
_IN_BETAS = {"beta1": 0, "beta2": 1}


def slot_of(name: str, group: ParamGroup) -> Slot | None:
    """The slot of a hyperparameter in a group; None if the group has no such number.

    ``beta1`` and ``beta2`` are those of ``betas``, and ``momentum`` is ``beta1`` where there are
    only ``betas``.
    """
    if name == "momentum" and name not in group:
        name = "beta1"
    index = None if name in group else _IN_BETAS.get(name)
    slot = Slot(name, name if index is None else "betas", index)
    if slot.key not in group or name == "params":
        return None
    if index is not None and len(group["betas"]) <= index:
        return None
    return slot if _is_number(slot.read(group)) else None


def numbers_of(group: ParamGroup) -> list[str]:
    """The hyperparameters of a group, by their names in a plan."""
    own = [name for name in group if slot_of(name, group) and not name.startswith("initial_")]
    return own + [name for name in _IN_BETAS if name not in group and slot_of(name, group)]


def _is_number(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() == 1 and value.dtype != torch.bool
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def name_of(group: ParamGroup) -> str:
    """The name of a group; ``""`` if it has none."""
    return str(group.get("name", ""))


def base_rates(optimizer: Optimizer) -> list[float]:
    """The base rate of each parameter group: its ``initial_lr`` if it has one, else its ``lr``."""
    return [LR.base(group) for group in optimizer.param_groups]


def as_written(rate: Any) -> float:
    """The rate as a float; for lower precision, the shortest decimal that rounds to it.

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


def last_rates(optimizer: Optimizer) -> list[float | torch.Tensor]:
    """The groups' rates; tensors are copied."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]
