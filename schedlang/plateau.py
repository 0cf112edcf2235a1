"""`plateau`: the state machine of PyTorch's ``ReduceLROnPlateau``, for every target.

`after_metric` and `reduced_rate` are copied into emitted files unchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

from schedlang.formula.evaluate import value
from schedlang.formula.expressions import Apply, Expr, Number, Symbol, less
from schedlang.program.program import Arguments


def improvement(mode: str, threshold_mode: str, threshold: float) -> Expr:
    """The condition over ``metric`` and ``best`` for an improvement."""
    metric, best = Symbol("metric"), Symbol("best")
    is_relative = threshold_mode == "rel"
    if mode == "max":
        return Apply(
            "gt", (metric, best * (1 + Number(threshold)) if is_relative else best + threshold)
        )
    return less(metric, best * (1 - Number(threshold)) if is_relative else best - threshold)


def after_metric(
    metric: float,
    best: float,
    bad: int,
    cooldown: int,
    *,
    improves: bool,
    patience: int,
    pause: int,
) -> tuple[float, int, int, bool]:
    """The memory (best, bad, cooldown) after a metric, and whether that reduces the rate.

    `bad` counts metrics without an improvement, one more than `patience` of which reduce the rate;
    `cooldown` those still to come that do not count, `pause` after a reduction.
    """
    if improves:
        best = metric
    bad = 0 if improves or cooldown > 0 else bad + 1
    if bad > patience:
        return best, 0, pause, True
    return best, bad, max(cooldown - 1, 0), False


def reduced_rate(rate: float, factor: float, floor: float, eps: float) -> float:
    """The rate after a reduction to at least the floor; one by ``eps`` or less is left out."""
    reduced = max(rate * factor, floor)
    return rate if rate - reduced <= eps else reduced


@dataclass
class PlateauMemory:
    """The memory of a plateau between metrics, which targets save.

    Attributes:
        best: the best metric so far.
        bad: metrics without an improvement since the last improvement or reduction.
        cooldown: the number of following metrics that do not count as bad.
        reductions: the number of reductions so far.
    """

    best: float
    bad: int = 0
    cooldown: int = 0
    reductions: int = 0


@dataclass
class ReduceOnPlateau:
    """Decides on each metric whether to reduce the rate.

    A metric is an improvement if it is better than the best one by more than the threshold; nan is
    not an improvement. The rate is reduced on the metric that follows ``patience`` metrics without
    an improvement.

    The attributes are the arguments of the phase, and the memory.
    """

    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    eps: float
    memory: PlateauMemory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = PlateauMemory(math.inf if self.mode == "min" else -math.inf)

    @classmethod
    def of(cls, phase: Arguments, **more: Any) -> Self:
        """The plateau with the arguments of ``Program.plateau``, and an empty memory.

        Args:
            phase: the arguments.
            more: the fields that a subclass adds.
        """
        return cls(
            phase["mode"],
            phase["factor"],
            phase["patience"],
            phase["threshold"],
            phase["threshold_mode"],
            phase["cooldown"],
            phase["eps"],
            **more,
        )

    def receive(self, metric: float) -> bool:
        """Process a metric. Returns whether it reduces the rate."""
        memory = self.memory
        condition = improvement(self.mode, self.threshold_mode, self.threshold)
        memory.best, memory.bad, memory.cooldown, reduces = after_metric(
            metric,
            memory.best,
            memory.bad,
            memory.cooldown,
            improves=bool(value(condition, {"metric": metric, "best": memory.best})),
            patience=self.patience,
            pause=self.cooldown,
        )
        memory.reductions += reduces
        return reduces

    def level(self, entry: float, floor: float) -> float:
        """The rate after the reductions so far.

        Args:
            entry: the rate at which the plateau began.
            floor: the least rate. A reduction by ``eps`` or less is left out.
        """
        rate = entry
        for _ in range(self.memory.reductions):
            before, rate = rate, self.reduced(rate, floor)
            if rate == before:
                break  # the same holds for every later reduction
        return rate

    def reduced(self, rate: float, floor: float) -> float:
        """The rate after one more reduction."""
        return reduced_rate(rate, self.factor, floor, self.eps)
