"""`plateau`: the decisions of PyTorch's ``ReduceLROnPlateau``, on metrics as they come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schedlang.program import Program
from schedlang.torch.counterparts import rate


@dataclass
class Memory:
    """What a plateau remembers; part of the state.

    Attributes:
        best: the best metric so far.
        bad: metrics since then without an improvement.
        cooldown: metrics still to come that count as no bad ones.
        reductions: how often the rate was reduced.
        silent_since: the tick of the last metric, or of the plateau's begin; None once that was
            warned of.
    """

    best: float
    bad: int
    cooldown: int
    reductions: int
    silent_since: int | None


@dataclass
class Plateau:
    """A closing plateau: its numbers, and its memory."""

    begin: int
    text: str
    monitor: str
    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    eps: float
    counts_updates: bool
    """Whether a tick is an update, so that not every tick has a metric."""
    silence: int | None
    """Ticks without a metric after which it is warned; None if that is not known."""
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        worst = math.inf if self.mode == "min" else -math.inf
        self.memory = Memory(worst, 0, 0, 0, self.begin)

    @classmethod
    def of(cls, program: Program) -> Plateau | None:
        """The closing plateau of a program, if it has one."""
        facts = program.plateau
        if facts is None:
            return None
        names = cls.__dataclass_fields__.keys() & facts.keys() - {"mode"}
        updates = program.tick == "step"
        epoch = program.steps_per_epoch
        return cls(
            mode=facts["mode"] or "min",
            counts_updates=updates,
            silence=2 * epoch if updates and epoch else None,
            **{name: facts[name] for name in names},
        )

    def recall(self, memory: Mapping[str, Any] | None, tick: int) -> None:
        """Take over a saved memory.

        Raises:
            ValueError: if there is none, and metrics went by.
        """
        if memory is not None:
            self.memory = Memory(**memory)
        elif tick > self.begin:
            inside = (
                f"tick {tick} lies inside `{self.text}`, whose rate hangs on the metrics so far"
            )
            raise ValueError(f"{inside}: load a state that remembers them")

    def hear(self, metric: float, tick: int) -> bool:
        """Take a metric in; whether the rate is to be reduced."""
        memory = self.memory
        if memory.silent_since is not None:
            memory.silent_since = tick
        if self._better(metric, memory.best):
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

    def _better(self, metric: float, best: float) -> bool:
        # A metric that is not a number is never better, since no comparison with it holds.
        match self.mode, self.threshold_mode:
            case "min", "rel":
                return metric < best * (1.0 - self.threshold)
            case "min", _:
                return metric < best - self.threshold
            case _, "rel":
                return metric > best * (1.0 + self.threshold)
            case _:
                return metric > best + self.threshold

    def is_overdue(self, tick: int) -> bool:
        """Whether no metric came for two epochs; true once."""
        since = self.memory.silent_since
        if self.silence is None or since is None or tick - since < self.silence:
            return False
        self.memory.silent_since = None
        return True

    def level(self, program: Program) -> float:
        """A group's rate after the reductions so far, never below its floor."""
        assert program.plateau is not None
        level, floor = rate(program.plateau["entry"]), rate(program.plateau["min"])
        for _ in range(self.memory.reductions):
            lower = max(level * self.factor, floor)
            if level - lower <= self.eps:
                break  # too little to matter, and so are all that follow
            level = lower
        return level
