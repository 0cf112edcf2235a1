"""The plan of `lr`, `eps`, `beta2`."""

import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

BETAS = {"momentum": 0, "beta1": 0, "beta2": 1}
PLAN = "1d6c603b"  # the plan that a state is of


def _learning_rate(step: int, lr: float) -> float:
    """`lr`: `(linear 9 to=10%) * hold`."""
    if step < 9:  # linear 9 to=10%
        progress = step / 9
        return lr * (1 + (0.1 - 1) * progress)
    return 0.1 * lr


def _rate(step: int, base: float) -> float:
    if step < 9:  # linear 9 to=20%
        progress = step / 9
        return base * (1 + (0.2 - 1) * progress)
    return 0.2 * base


def _factor_1(step: int) -> float:
    if step < 3:  # exp 3 to=50%
        progress = step / 3
        return math.pow(0.5, progress)
    return 0.5


def _factor_2(step: int) -> float:
    if step < 3:  # exp 3 to=2x
        progress = step / 3
        return math.pow(2, progress)
    return 2.0


def _eps(step: int, base: float) -> float:
    """`eps`: `(linear 9 to=20%) * hold * hold * (exp 3 to=50%) * (exp 3 to=2x)`."""
    return _rate(step, base) * _factor_1(step) * _factor_2(step)


def _rate_2(step: int, base: float) -> float:
    if step < 9:  # cosine 9 to=20%
        progress = step / 9
        return base * (0.2 + (1 - 0.2) * (1 + math.cos(math.pi * progress)) / 2)
    return 0.1 * base


def _factor(step: int) -> float:
    if step < 3:  # exp 3 to=50%
        progress = step / 3
        return math.pow(0.5, progress)
    if step < 9:
        return 0.5
    return 1.0


def _beta2(step: int, base: float) -> float:
    """`beta2`: `(cosine 9 to=20%) * (exp 3 to=50%)`."""
    return _rate_2(step, base) * _factor(step)


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
    Line("lr", None, _learning_rate),
    Line("eps", None, _eps, takes_zero=False),
    Line("beta2", None, _beta2, takes_zero=False),
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
