"""``engine="fused"``: one scheduler of ours for any schedule."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, SupportsFloat

import torch
from torch.optim import Optimizer

from schedlang.errors import ScheduleWarning
from schedlang.program import Program
from schedlang.torch.groups import (
    Group,
    base_rate,
    base_rates,
    has_tensor_rates,
    restart,
    write_rates,
)
from schedlang.torch.momentum import check_momentum, write_momentum
from schedlang.torch.plateau import Plateau
from schedlang.torch.rates import Rates
from schedlang.torch.state import Bound, OnMismatch


class Fused(Bound):
    """The rates of a schedule, computed a block of ticks ahead.

    A step looks up the level pair of its tick and sets each group to ``relative·base + absolute``.
    Tensor rates are filled in place. A parameter group that is added later is taken up at the next
    step, with its own base rate.

    Attributes:
        _groups: the list of groups that were seen last; loading a state makes a new one.
        _plain: whether a step needs to do no more than to write rates into dicts.
        _first: the first tick whose level pair is at hand, in ``_relative`` and ``_absolute``.
        _ready: how many of them a step may take without looking at anything else.
    """

    def __init__(self, program: Program, optimizer: Optimizer, start: int = 0) -> None:
        check_momentum(program, optimizer)
        restart(optimizer.param_groups)
        self.knows(program, base_rates(optimizer))
        self._prepare(program)
        super().__init__(optimizer)
        if start:
            self._go_to(start, None)

    def _prepare(self, program: Program) -> None:
        """What follows from the schedule, and is not saved."""
        self._rates = Rates(program, self.bases)
        self._plateau = Plateau.of(program)
        self._reduced: list[float] = []
        self._groups: list[Group] = []
        self._plain = False
        self._first = self._ready = 0
        self._relative: list[float] = []
        self._absolute: list[float] = []

    def step(self, metric: SupportsFloat | None = None) -> None:
        """End a tick: the next update has the next rate.

        Args:
            metric: what a closing `plateau` listens to. Needed inside a plateau unless updates are
                ticked, where `observe` takes it once an epoch; ignored before the plateau.

        Raises:
            TypeError: if a metric is missing, or if there is no plateau to take one.
        """
        tick = self.last_epoch + 1
        groups = self.optimizer.param_groups
        if (
            metric is None
            and 0 <= (index := tick - self._first) < self._ready
            and groups is self._groups
            and len(groups) == len(self.bases)
        ):
            self.last_epoch = tick
            absolute = self._absolute[index]
            if not self._relative:
                for group in groups:
                    group["lr"] = absolute
                return
            relative = self._relative[index]
            for group, base in zip(groups, self.bases):  # noqa: B905  # their lengths are equal
                group["lr"] = relative * base + absolute
            return
        self._meet(groups)
        if self._plateau is not None or metric is not None:
            self._end_tick(metric)
        if self._step_count < 2:
            super().step()  # whether the optimizer steps first, PyTorch checks itself
        else:
            self.last_epoch = tick
        self._write()

    def observe(self, metric: SupportsFloat) -> None:
        """Tell a closing `plateau` an epoch's metric where updates are ticked; ends no tick.

        It counts if the tick that ended last lies in the plateau.

        Raises:
            TypeError: if there is no plateau, or if a tick is an epoch: `step` takes its metric.
        """
        plateau = self._plateau
        if plateau is None:
            raise TypeError("this schedule has no `plateau` that would observe a metric")
        if not plateau.counts_updates:
            raise TypeError("here a tick is no update: hand the metric to step(metric)")
        if self.last_epoch > plateau.begin:
            self._hear(plateau, metric)
            self._write()

    def _end_tick(self, metric: SupportsFloat | None) -> None:
        plateau, tick = self._plateau, self.last_epoch
        if plateau is None:
            raise TypeError("this schedule has no `plateau`: step() takes no metric")
        if tick < plateau.begin:
            return
        if metric is not None:
            self._hear(plateau, metric)
        elif not plateau.counts_updates:
            raise TypeError(
                f"step() inside `{plateau.text}` needs its argument `metric`: "
                f"scheduler.step({plateau.monitor})"
            )
        elif plateau.is_overdue(tick + 1):
            message = (
                f"`{plateau.text}` has seen no metric for two whole epochs: "
                "call scheduler.observe(metric) once an epoch"
            )
            warnings.warn(ScheduleWarning(message), stacklevel=3)

    def _hear(self, plateau: Plateau, metric: SupportsFloat) -> None:
        if plateau.hear(float(metric), self.last_epoch):
            self._reduced = self._levels()

    def _levels(self) -> list[float]:
        """The groups' rates in the plateau; none as long as it has reduced nothing."""
        plateau = self._plateau
        if plateau is None or not plateau.memory.reductions:
            return []
        return [plateau.level(self.program_of(base)) for base in self.bases]

    def _write(self) -> None:
        """Give every group the rate of the tick, and the momentum."""
        groups = self.optimizer.param_groups
        self._meet(groups)
        write_rates(groups, self.rates_at(self.last_epoch))
        momentum = self._rates.momenta.get(self.last_epoch)
        if momentum is not None:
            write_momentum(self.optimizer, momentum)
        rates = self._rates
        self._first, self._relative, self._absolute = rates.first, rates.relative, rates.absolute
        self._ready = len(rates.absolute) if self._plain and self._step_count > 1 else 0

    def rates_at(self, tick: int) -> list[float]:
        return self._reduced or self._rates.at(tick)

    def _meet(self, groups: list[Group]) -> None:
        """Look at groups that were not seen before: some were added, or a state was loaded."""
        if groups is self._groups and len(groups) == len(self.bases):
            return
        added = [base_rate(group) for group in groups[len(self.bases) :]]
        if added:
            for base in added:
                self.program_of(base)  # refuses a base for which the schedule is wrong
            restart(groups[len(self.bases) :])
            self.bases = [*self.bases, *added]
            self._rates = Rates(self.program, self.bases)
            self._reduced = self._levels()
        elif len(groups) < len(self.bases):
            raise ValueError(
                f"{len(self.bases)} parameter groups were here, now there are {len(groups)}"
            )
        self._groups = groups
        self._plain = (
            self._plateau is None
            and not self._rates.moves_momentum
            and not has_tensor_rates(self.optimizer)
        )

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rates of the tick, as PyTorch's own first steps want them."""
        return list(self.rates_at(self.last_epoch))

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The rates of the tick, one a group; tensors where the group has one."""
        rates = self.rates_at(self.last_epoch)
        return [
            torch.full_like(group["lr"], rate) if isinstance(group["lr"], torch.Tensor) else rate
            for group, rate in zip(self.optimizer.param_groups, rates, strict=False)
        ]

    @property
    def _last_lr(self) -> list[float | torch.Tensor]:
        return self.get_last_lr()

    @_last_lr.setter
    def _last_lr(self, rates: list[float | torch.Tensor]) -> None:
        """What PyTorch's own first steps note down is known anyway."""

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and text: the schedule, the tick, and what a plateau remembers."""
        saved = ("text", "binding", "bases", "total", "last_epoch", "_step_count")
        state = {name: getattr(self, name) for name in saved}
        if self._plateau is not None:
            state["plateau"] = asdict(self._plateau.memory)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], *, on_mismatch: OnMismatch = "raise"
    ) -> None:
        """Go on where the state was saved; the groups get the rates of that tick.

        Args:
            state_dict: of a scheduler of the same schedule, of either engine.
            on_mismatch: what to keep if it is of another schedule: nothing (``"raise"``), the tick
                (``"keep-step"``), or the share of the total that is over (``"keep-fraction"``).

        Raises:
            ValueError: if the state is of another schedule, naming the difference.
        """
        tick = self.agreed_tick(state_dict, on_mismatch)
        self._go_to(tick, state_dict.get("plateau"))
        self._step_count = state_dict.get("_step_count", self._step_count)

    def _go_to(self, tick: int, memory: Mapping[str, Any] | None) -> None:
        plateau = self._plateau
        if plateau is not None:
            plateau.recall(memory, tick)
            self._reduced = self._levels()
        self.last_epoch = tick
        self._write()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.state_dict(), "optimizer": self.optimizer, "base_lrs": self.base_lrs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        memory = state.pop("plateau", None)
        super().__setstate__(state)
        self._prepare(self.program)
        if self._plateau is not None:
            self._plateau.recall(memory, self.last_epoch)
            self._reduced = self._levels()
