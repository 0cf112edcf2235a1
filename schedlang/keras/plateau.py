"""The memory of a `plateau`: which metric was best, and how long ago."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class Plateau:
    """PyTorch's ``ReduceLROnPlateau``, decision by decision.

    Keras' callback of that name drops the rate on ``patience`` bad metrics; this one, on the one
    after. A metric that is not a number is a bad one.

    Attributes:
        rate: the present rate.
        best: the best metric so far.
        bad: how many metrics have not bettered it since the last drop or improvement.
        cooldown: how many metrics are still to be ignored.
    """

    def __init__(self, facts: Mapping[str, Any], rate: float, least: float) -> None:
        self._facts = facts
        self._least = least
        self._rises = facts["mode"] == "max"
        self.rate = rate
        self.best = -math.inf if self._rises else math.inf
        self.bad = 0
        self.cooldown = 0

    def receive(self, metric: float) -> None:
        """Count a metric, and lower the rate if it is time."""
        if self._betters(metric):
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.cooldown > 0:
            self.cooldown, self.bad = self.cooldown - 1, 0
        if self.bad > self._facts["patience"]:
            lowered = max(self.rate * self._facts["factor"], self._least)
            if self.rate - lowered > self._facts["eps"]:
                self.rate = lowered
            self.bad, self.cooldown = 0, self._facts["cooldown"]

    def _betters(self, metric: float) -> bool:
        threshold: float = self._facts["threshold"]
        sign = 1 if self._rises else -1
        if self._facts["threshold_mode"] == "rel":
            bar = self.best * (1 + sign * threshold)
        else:
            bar = self.best + sign * threshold
        return metric > bar if self._rises else metric < bar

    @property
    def state(self) -> tuple[float, ...]:
        """All that it remembers, as numbers."""
        return self.rate, self.best, float(self.bad), float(self.cooldown)

    @state.setter
    def state(self, state: tuple[float, ...]) -> None:
        self.rate, self.best = state[:2]
        self.bad, self.cooldown = int(state[2]), int(state[3])
