"""`plateau`: the decisions of PyTorch's ``ReduceLROnPlateau``, for every target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schedlang.formula.evaluate import value
from schedlang.formula.expressions import Apply, Expr, Number, Symbol, less


def improvement(mode: str, threshold_mode: str, threshold: float) -> Expr:
    """The condition over ``metric`` and ``best`` that a metric is an improvement."""
    metric, best = Symbol("metric"), Symbol("best")
    is_relative = threshold_mode == "rel"
    if mode == "max":
        return Apply(
            "gt", (metric, best * (1 + Number(threshold)) if is_relative else best + threshold)
        )
    return less(metric, best * (1 - Number(threshold)) if is_relative else best - threshold)


@dataclass
class Memory:
    """The memory of a plateau between metrics; a target saves it.

    Attributes:
        best: the best metric so far.
        bad: metrics without an improvement since the last improvement or reduction.
        cooldown: metrics still to come that do not count as bad.
        reductions: how often the rate was to be reduced.
    """

    best: float
    bad: int = 0
    cooldown: int = 0
    reductions: int = 0


@dataclass
class Plateau:
    """Decides on each metric whether to reduce the rate.

    A metric is an improvement if it is better than the best one by more than the threshold. One
    that is not a number is no improvement. The rate is reduced on the metric that follows
    ``patience`` metrics without an improvement.

    The attributes are the arguments of the phase, and the memory.
    """

    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    eps: float
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(math.inf if self.mode == "min" else -math.inf)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Plateau:
        """The plateau with the numbers of ``Program.plateau``, and an empty memory."""
        names = ("factor", "patience", "threshold", "threshold_mode", "cooldown", "eps")
        return cls(facts["mode"] or "min", **{name: facts[name] for name in names})

    def receive(self, metric: float) -> bool:
        """Count a metric. Returns whether it reduces the rate."""
        memory = self.memory
        if self._improves(metric):
            memory.best, memory.bad = metric, 0
        else:
            memory.bad += 1
        if memory.cooldown > 0:
            memory.cooldown -= 1
            memory.bad = 0
        if memory.bad <= self.patience:
            return False
        memory.cooldown, memory.bad = self.cooldown, 0
        memory.reductions += 1
        return True

    def _improves(self, metric: float) -> bool:
        condition = improvement(self.mode, self.threshold_mode, self.threshold)
        return bool(value(condition, {"metric": metric, "best": self.memory.best}))

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
        reduced = max(rate * self.factor, floor)
        return rate if rate - reduced <= self.eps else reduced
