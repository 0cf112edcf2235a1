"""PyTorch's own classes where one of them is the whole schedule: each also knows its schedule.

They compute what PyTorch's do. What is added is in `Plain`: their state says of which schedule it
is, and a parameter group that is added later is reported.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from schedlang.torch.groups import last_rates, write_rates
from schedlang.torch.momentum import momenta, write_momentum
from schedlang.torch.plateau import Memory, Plateau
from schedlang.torch.state import Bound, OnMismatch, differences


class Plain(Bound):
    """PyTorch's own class, with what `Bound` knows in its state beside its own."""

    def refuse_new_groups(self) -> None:
        """Report a group that was added after the scheduler was built.

        Raises:
            ValueError: with what to do.
        """
        known, found = len(self.bases), len(self.optimizer.param_groups)
        if known not in {0, found}:  # 0 while PyTorch's own `__init__` takes its first step
            raise ValueError(
                f"this scheduler was built for {known} parameter groups and now there are {found}: "
                f'build it anew with start={self.last_epoch}, or with engine="fused", '
                "which takes added groups up"
            )

    def step(self, *arguments: Any, **named: Any) -> None:
        self.refuse_new_groups()
        super().step(*arguments, **named)

    def jump(self, tick: int) -> None:
        """Go to a tick: PyTorch's counts, the rates and the momentum are those of that tick."""
        set_tick(self, tick)
        write_rates(self.optimizer.param_groups, self.rates_at(tick))
        self._last_lr = last_rates(self.optimizer)
        self._write_momentum(tick)

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
        own = self.state_dict()
        if not differences(state_dict, own) and own.keys() <= state_dict.keys():
            # a copy, since PyTorch takes things out of it
            super().load_state_dict(copy.deepcopy(dict(state_dict)))
            write_rates(self.optimizer.param_groups, map(float, self._last_lr))
            self._write_momentum(tick)
        else:
            self.jump(tick)

    def _write_momentum(self, tick: int) -> None:
        for momentum in momenta(self.program, tick, tick + 1).values():
            write_momentum(self.optimizer, momentum)


def set_tick(scheduler: LRScheduler, tick: int) -> None:
    """Set what PyTorch's class counts, so that its next step is the one after ``tick``."""
    scheduler.last_epoch = tick
    if isinstance(scheduler, lr_scheduler.CosineAnnealingWarmRestarts):
        length, mult = scheduler.T_0, scheduler.T_mult
        if mult == 1:
            tick %= length
        while tick >= length:
            tick -= length
            length *= mult
        scheduler.T_cur, scheduler.T_i = tick, length


class LambdaLR(Plain, lr_scheduler.LambdaLR):
    """PyTorch's ``LambdaLR``."""


class ConstantLR(Plain, lr_scheduler.ConstantLR):
    """PyTorch's ``ConstantLR``."""


class LinearLR(Plain, lr_scheduler.LinearLR):
    """PyTorch's ``LinearLR``."""


class PolynomialLR(Plain, lr_scheduler.PolynomialLR):
    """PyTorch's ``PolynomialLR``."""


class ExponentialLR(Plain, lr_scheduler.ExponentialLR):
    """PyTorch's ``ExponentialLR``."""


class StepLR(Plain, lr_scheduler.StepLR):
    """PyTorch's ``StepLR``."""


class MultiStepLR(Plain, lr_scheduler.MultiStepLR):
    """PyTorch's ``MultiStepLR``."""


class CosineAnnealingWarmRestarts(Plain, lr_scheduler.CosineAnnealingWarmRestarts):
    """PyTorch's ``CosineAnnealingWarmRestarts``."""


class CyclicLR(Plain, lr_scheduler.CyclicLR):
    """PyTorch's ``CyclicLR``, except for what it does in its first step and its 1025th cycle.

    PyTorch's own begins on ``initial_lr`` where there is one, and computes ``2.0**cycle``.
    """

    def __init__(self, optimizer: Optimizer, **arguments: Any) -> None:
        super().__init__(optimizer, **arguments)
        self.last_epoch = -1
        self._initial_step()

    @staticmethod
    def _triangular2_scale_fn(x: float) -> float:
        return float(0.5 ** (x - 1))


class OneCycleLR(Plain, lr_scheduler.OneCycleLR):
    """PyTorch's ``OneCycleLR``, except that it holds its end and leaves ``initial_lr`` alone.

    PyTorch's own raises after its last step, and puts its first rate where other schedulers look
    for the base rate.
    """

    _schedule_phases: Any

    def __init__(self, optimizer: Optimizer, **arguments: Any) -> None:
        self._levels: list[dict[str, float]] = []
        bases = [group["initial_lr"] for group in optimizer.param_groups]
        super().__init__(optimizer, **arguments)
        names = {"max_lr", "min_lr", "max_momentum", "base_momentum"}
        for group, base in zip(optimizer.param_groups, bases, strict=True):
            levels = {name: level for name, level in group.items() if name in names}
            self._levels.append({**levels, "first_lr": group["initial_lr"]})
            group["initial_lr"] = base
        self.base_lrs = bases
        for phase in self._schedule_phases:
            for end in ("start_lr", "end_lr"):
                if phase[end] == "initial_lr":
                    phase[end] = "first_lr"

    def get_lr(self) -> list[Any]:
        if self.last_epoch >= self.total_steps:
            return last_rates(self.optimizer)
        # PyTorch reads them from the groups, and a state loaded into the optimizer may lack them.
        for group, levels in zip(self.optimizer.param_groups, self._levels, strict=False):
            group.update(levels)
        return super().get_lr()


class ReduceLROnPlateau(Plain, lr_scheduler.ReduceLROnPlateau):
    """PyTorch's ``ReduceLROnPlateau``, whose state has a `plateau`'s memory too."""

    reductions = 0

    def _reduce_lr(self, epoch: int) -> None:
        self.reductions += 1
        super()._reduce_lr(epoch)

    def state_dict(self) -> dict[str, Any]:
        memory = Memory(
            self.best, self.num_bad_epochs, self.cooldown_counter, self.reductions, None
        )
        return {**super().state_dict(), "plateau": asdict(memory)}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], *, on_mismatch: OnMismatch = "raise"
    ) -> None:
        tick = self.agreed_tick(state_dict, on_mismatch)
        plateau = Plateau.of(self.program)
        assert plateau is not None
        plateau.recall(state_dict.get("plateau"), tick)
        memory = plateau.memory
        self.best, self.reductions, self.last_epoch = memory.best, memory.reductions, tick
        self.num_bad_epochs, self.cooldown_counter = memory.bad, memory.cooldown
        levels = [plateau.level(self.program_of(base)) for base in self.bases]
        write_rates(self.optimizer.param_groups, levels)
        self._last_lr = last_rates(self.optimizer)

    def jump(self, tick: int) -> None:
        self.load_state_dict({**vars(self), "last_epoch": tick})


CLASSES: dict[str, type[Plain]] = {
    scheduler.__name__: scheduler
    for scheduler in (
        LambdaLR, ConstantLR, LinearLR, PolynomialLR, ExponentialLR, StepLR, MultiStepLR,
        CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR, ReduceLROnPlateau,
    )
}  # fmt: skip
"""By name. `CosineAnnealingLR` is not among them: past its end it rises again."""
