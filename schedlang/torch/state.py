"""What every scheduler of ours knows about itself, saves, and checks when it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from schedlang.program import Program
from schedlang.torch.groups import last_rates

OnMismatch: TypeAlias = Literal["raise", "keep-step", "keep-fraction"]
CHOICES = (
    'Say on_mismatch="keep-step" (the same tick) or "keep-fraction" (the same share of the total)'
)


class Bound(LRScheduler):
    """A scheduler that knows of which schedule it is.

    Attributes:
        text: the canonical text.
        binding: what was bound besides the text.
        bases: the base rate of each parameter group.
        total: the ticks of the whole, or None if it never ends.
    """

    text: str = ""
    binding: Mapping[str, str | int] = {}
    bases: list[float] = []  # noqa: RUF012  # never changed in place; PyTorch's __init__ steps before ours ran
    total: int | None = None

    def knows(self, program: Program, bases: list[float]) -> None:
        """Note of which schedule, and for which base rates, this scheduler is."""
        self.text = program.text
        self.binding = dict(program.binding)
        self.bases = bases
        self.total = program.length if program.total is None else program.total

    @property
    def program(self) -> Program:
        """The schedule as it is for the first group."""
        return self.program_of(self.bases[0])

    def program_of(self, base: float) -> Program:
        """The schedule as it is for a group of that base rate.

        Raises:
            ScheduleError: if it is wrong for that base.
        """
        from schedlang.schedule import restore

        return restore(self.text, self.binding, base)

    def rates_at(self, tick: int) -> list[float]:
        """Each group's rate at a tick."""
        return [self.program_of(base).at(tick) for base in self.bases]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            _Still(self.optimizer)

    def agreed_tick(self, state: Mapping[str, Any], on_mismatch: OnMismatch) -> int:
        """The tick to go on from.

        Raises:
            ValueError: if the state is of another schedule and it is not said what to keep, or
                if that cannot be kept.
        """
        if on_mismatch not in {"raise", "keep-step", "keep-fraction"}:
            raise ValueError(
                f"on_mismatch is one of raise, keep-step, keep-fraction: {on_mismatch!r}"
            )
        tick: int = state["last_epoch"]
        found = differences(state, vars(self))
        if not found:
            return tick
        if on_mismatch == "raise":
            raise ValueError(f"this state is of another schedule: {'; '.join(found)}. {CHOICES}")
        if on_mismatch == "keep-step":
            return tick
        before, now = state.get("total"), self.total
        if not before or not now:
            which = "this schedule" if before else "the state's schedule"
            raise ValueError(f"{which} never ends, so that no share of it is over: use keep-step")
        return math.floor(Fraction(tick * now, before) + Fraction(1, 2))


class _Still(LRScheduler):
    """Moves nothing; but building it lets PyTorch see that a copied optimizer steps."""

    def get_lr(self) -> list[float | Tensor]:
        return last_rates(self.optimizer)


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What a saved state and a scheduler's own say differently of their schedules, in words."""
    if "text" not in there:
        return ["it does not say of which"]
    found = []
    if there["text"] != here["text"]:
        found.append(f"the text is `{there['text']}` there, `{here['text']}` here")
    bound, mine = there["binding"], here["binding"]
    for name in sorted({*bound, *mine} - {"lr"}):  # lr agrees with the base rates, which follow
        said, says = (binding.get(name, "unsaid") for binding in (bound, mine))
        if said != says:
            found.append(f"{name} is {said} there, {says} here")
    rates, own = there["bases"], here["bases"]
    if len(rates) != len(own):
        found.append(f"there are {len(rates)} parameter groups there, {len(own)} here")
    else:
        found += [
            f"group {i} has the base rate {rate:g} there, {mine:g} here"
            for i, (rate, mine) in enumerate(zip(rates, own, strict=True))
            if not math.isclose(rate, mine, rel_tol=1e-6)
        ]
    return found
