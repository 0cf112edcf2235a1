"""The plan of `lr`, `weight_decay`, `momentum`, `teacher_momentum`."""

import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

BETAS = {"momentum": 0, "beta1": 0, "beta2": 1}
PLAN = "66c65c44"  # the plan that a state is of


def _learning_rate_backbone(step: int, lr: float) -> float:
    """`lr` of `backbone*`: `total=50 | hold 5 to=0 -> warmup linear 5 -> cosine rest min=1%`."""
    if step < 5:  # hold 5 to=0
        return 0.0
    if step < 10:  # warmup linear 5
        progress = (step - 5) / 5
        return lr * progress
    if step < 50:  # cosine rest min=1%
        progress = (step - 10) / 40
        return lr * (0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2)
    return 0.01 * lr


def _learning_rate(step: int, lr: float) -> float:
    """`lr` of `*`: `total=50 | warmup linear 5 -> cosine rest min=1%`."""
    if step < 5:  # warmup linear 5
        progress = step / 5
        return lr * (0.001 + (1 - 0.001) * progress)
    if step < 50:  # cosine rest min=1%
        progress = (step - 5) / 45
        return lr * (0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2)
    return 0.01 * lr


def _weight_decay(step: int, base: float) -> float:
    """`weight_decay`: `total=50 | cosine 100% to=10x`."""
    if step < 50:  # cosine 100% to=10x
        progress = step / 50
        return base * (1 + (10 - 1) * (1 - math.cos(math.pi * progress)) / 2)
    return 10 * base


def _momentum(step: int, base: float) -> float:
    """`momentum`: `total=50 | warmup linear 3 from=0.8 to=0.937 -> hold`."""
    if step < 3:  # warmup linear 3 from=0.8 to=0.937
        progress = step / 3
        return 0.8 + (0.937 - 0.8) * progress
    # hold
    return 0.937


def teacher_momentum(step: int) -> float:
    """The value `teacher_momentum` after `step` updates.

    `total=50 | cosine 100% from=0.996 to=1`

    One step is an optimizer update or an epoch, whichever is counted. The values are absolute, and
    need no base. The schedule is 50 steps long, then the last value holds.
    """
    if step < 50:  # cosine 100% from=0.996 to=1
        progress = step / 50
        return 0.996 + (1 - 0.996) * (1 - math.cos(math.pi * progress)) / 2
    return 1.0


class Line(NamedTuple):
    """How a number of the parameter groups that match a pattern is set."""

    key: str
    pattern: str | int | None
    number: Callable[[int, float], float]
    base: float | None = None
    takes_zero: bool = True

    def matches(self, i: int, group: dict[str, Any]) -> bool:
        if isinstance(self.pattern, str):
            return fnmatchcase(str(group.get("name", "")), self.pattern)
        return self.pattern is None or self.pattern == i

    def check(self, i: int, group: dict[str, Any]) -> None:
        try:
            base = _base(group, self.key)
        except (KeyError, TypeError):
            raise ValueError(f"parameter group {i} has no number {self.key!r}") from None
        if base == 0 and not self.takes_zero:
            raise ValueError(f"parameter group {i} has {self.key}=0: its line needs another base")
        if self.base is not None and not math.isclose(base, self.base, rel_tol=1e-6):
            raise ValueError(
                f"parameter group {i} has {self.key}={base}: its line is for {self.base}"
            )

    def set(self, group: dict[str, Any], step: int) -> None:
        base = _base(group, self.key)
        is_frozen = base == 0 and self.key in ("lr", "weight_decay")
        number = 0.0 if is_frozen else self.number(step, base)
        found = _read(group, self.key)
        if isinstance(found, Tensor):
            found.fill_(number)
        elif self.key in group:
            group[self.key] = number
        else:
            betas = list(group["betas"])
            betas[BETAS[self.key]] = number
            group["betas"] = tuple(betas)


LINES = [
    Line("lr", "backbone*", _learning_rate_backbone),
    Line("lr", "*", _learning_rate),
    Line("weight_decay", None, _weight_decay),
    Line("momentum", None, _momentum),
]


def _read(group: dict[str, Any], key: str) -> Any:
    """A number of a parameter group; of Adam, the momentum is the first beta."""
    if key in BETAS and key not in group:
        return group["betas"][BETAS[key]]
    return group[key]


def _base(group: dict[str, Any], key: str) -> float:
    """The number that a schedule begins with, which is kept in the parameter group."""
    number = _read(group, key)
    if isinstance(number, bool):
        raise TypeError
    return float(group.setdefault(f"initial_{key}", float(number)))


def _choose(i: int, group: dict[str, Any]) -> list[Line]:
    """The lines of a parameter group: of each number, the first that matches."""
    chosen: dict[str, Line] = {}
    for line in LINES:
        if line.key not in chosen and line.matches(i, group):
            line.check(i, group)
            chosen[line.key] = line
    missing = [line.key for line in LINES if line.key not in chosen]
    if missing:
        raise ValueError(f"no line of {missing[0]!r} matches parameter group {i}")
    return list(chosen.values())


class PlanScheduler(LRScheduler):
    """Sets every number of every parameter group in one `step()`."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = list(enumerate(optimizer.param_groups))
        for line in LINES:
            if line.pattern != "*" and not any(line.matches(i, group) for i, group in groups):
                raise ValueError(f"{line.pattern!r} matches no parameter group")
        self.chosen = [_choose(i, group) for i, group in groups]
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        """The rate of each group, below all numbers that are set."""
        groups = self.optimizer.param_groups
        for i in range(len(self.chosen), len(groups)):
            self.chosen.append(_choose(i, groups[i]))
        for group, lines in zip(groups, self.chosen, strict=True):
            for line in lines:
                line.set(group, self.last_epoch)
        return [group["lr"] for group in groups]

    def state_dict(self) -> dict[str, Any]:
        counts = {"last_epoch": self.last_epoch, "_step_count": self._step_count}
        return {**counts, "plan": PLAN}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict.get("plan", PLAN) != PLAN:
            raise ValueError("this state is of another plan")
        super().load_state_dict(state_dict)
        self._last_lr = self.get_lr()


def build_scheduler(optimizer: Optimizer) -> PlanScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The bases are the numbers of
    each parameter group, which are kept in it as `initial_lr` and so on.
    """
    return PlanScheduler(optimizer)
