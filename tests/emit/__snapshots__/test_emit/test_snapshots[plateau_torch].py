"""The learning-rate schedule `warmup linear 5 -> plateau factor=0.5 patience=3`."""

import warnings
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler, ReduceLROnPlateau


class ThenPlateau(ReduceLROnPlateau):
    """A scheduler for its first steps, then ReduceLROnPlateau.

    `step(metric)` ends a step and counts the metric, `step()` only ends a step, and
    `observe(metric)` only counts. A metric of a step before the plateau is ignored.
    """

    def __init__(self, before: LRScheduler, begin: int, **plateau: Any) -> None:
        super().__init__(before.optimizer, **plateau)
        self.before = before
        self.begin = begin
        self.tick = 0
        self.warned = False

    def observe(self, metric: float) -> None:
        if self.tick > self.begin:
            super().step(metric)

    def step(  # type: ignore[override]  # as in ReduceLROnPlateau itself
        self, metrics: Any = None, epoch: int | None = None
    ) -> None:
        self.tick += 1
        if self.tick <= self.begin:
            self.before.step()
        elif metrics is not None:
            super().step(metrics)
        elif not self.warned:
            self.warned = True
            warnings.warn("no metric was given: the plateau skips this step", stacklevel=2)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "before": self.before.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        own = dict(state_dict)
        self.before.load_state_dict(own.pop("before"))
        super().load_state_dict(own)


def build_scheduler(optimizer: Optimizer) -> ThenPlateau:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is each
    parameter group's own `lr`. The schedule never ends.
    """
    # warmup linear 5
    before = LinearLR(optimizer, start_factor=0.001, total_iters=5)
    # plateau factor=0.5 patience=3
    return ThenPlateau(before, begin=5, factor=0.5, patience=3)
