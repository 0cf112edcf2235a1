"""A line and the parameter groups that it matches: writing numbers, and detecting other writers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from schedlang.errors import Mistake, ScheduleError
from schedlang.patterns import Pattern
from schedlang.program.program import Program
from schedlang.torch.groups import LR, ParamGroup, Slot
from schedlang.torch.momentum import momentum_slot
from schedlang.torch.other_schedulers import who_wrote
from schedlang.torch.plateau import ClosingPlateau, ReducedRates
from schedlang.torch.rates import Rates
from schedlang.torch.watch import TOLERANCE, Watch, is_quiet, warn

if TYPE_CHECKING:
    from schedlang.torch.scheduler import BoundScheduler


@dataclass
class Assignment:
    """A line and the parameter groups that it matches; a line that is not in a plan matches all.

    Attributes:
        key: the hyperparameter, by its name in the plan.
        pattern: the pattern of the groups; None for all.
        slot: where the number is in a group; None for one of `values`.
        text: the canonical text of the line.
        binding: the settings that were bound in addition to the text.
        zero_is_frozen: whether a base of 0 keeps a group at 0.
        members: the indexes of the groups.
        bases: the base of each member.
        plateau: the final plateau with its memory, if the line has one.
        written: the number written to each member; None if it is not checked: for a tensor (reading
            one waits for its device), and for a group that is no longer scheduled.
        left_alone: the indexes of added groups that are no longer scheduled.
        changes: how often other code has changed an added group's number, by the group's index.
    """

    key: str
    pattern: Pattern | None
    slot: Slot | None
    text: str
    binding: Mapping[str, str | int]
    zero_is_frozen: bool
    members: list[int]
    bases: list[float]
    plateau: ClosingPlateau | None
    written: list[float | None] = field(default_factory=list)
    left_alone: set[int] = field(default_factory=set)
    changes: Counter[int] = field(default_factory=Counter)
    _rates: Rates | None = field(default=None, repr=False)
    _levels: ReducedRates | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        program: Program,
        key: str,
        pattern: Pattern | None,
        slot: Slot | None,
        bases: Mapping[int, float],
        *,
        zero_is_frozen: bool = True,
    ) -> Assignment:
        """The assignment of a line of a plan.

        Args:
            program: the line.
            key: the hyperparameter.
            pattern: the pattern of the groups.
            slot: where the number is in a group.
            bases: the bases of the groups, by index.
            zero_is_frozen: whether a base of 0 keeps a group at 0.
        """
        members, numbers = list(bases), list(bases.values())
        plateau, binding = ClosingPlateau.in_program(program), dict(program.binding)
        return cls(
            key, pattern, slot, program.text, binding, zero_is_frozen, members, numbers, plateau
        )

    @classmethod
    def of_line(cls, program: Program, bases: Sequence[float]) -> Assignment:
        """The assignment of a line to all groups."""
        return cls.of(program, "lr", None, LR, dict(enumerate(bases)))

    def __getstate__(self) -> dict[str, Any]:
        """The state without cached values."""
        return {**vars(self), "_rates": None, "_levels": None}

    @property
    def place(self) -> str:
        """The place of the line in its plan: ``lr.backbone*``."""
        return self.key if self.pattern is None else f"{self.key}.{self.pattern}"

    @property
    def program(self) -> Program:
        """The program for the first group."""
        return self.program_of(self.bases[0])

    def program_of(self, base: float) -> Program:
        """The program for a group with this base.

        Raises:
            ScheduleError: if it is wrong for that base.
        """
        from schedlang.schedule import restore

        if self.slot is None:
            return restore(self.text, self.binding)
        return restore(self.text, self.binding, self._computed(base))

    def check(self, base: float) -> None:
        """Raise an error for a base for which the line is wrong.

        Raises:
            ScheduleError: with all mistakes.
        """
        if base or self.zero_is_frozen:
            self.program_of(base)
        elif self.program_of(1.0).needs_base:
            message = f"a level is a share of the base, but `{self.key}` is 0"
            raise ScheduleError([Mistake("no-base", message, "write absolute levels")])

    def _computed(self, base: float) -> float:
        """The base for which the line is computed: 1 for a base of 0, unless 0 means frozen."""
        return base if base or self.zero_is_frozen else 1.0

    @property
    def computed_bases(self) -> list[float]:
        """The bases of all members; for a group that is no longer scheduled, the first base."""
        bases = [self._computed(base) for base in self.bases]
        if not self.left_alone:
            return bases
        each = zip(self.members, bases, strict=True)
        return [bases[0] if i in self.left_alone else base for i, base in each]

    @property
    def rates(self) -> Rates:
        """The rates for the bases."""
        if self._rates is None:
            self._rates = Rates(self.program, self.computed_bases)
        return self._rates

    def forget_curve(self) -> None:
        """Discard the cached curve after a change of bases."""
        self._rates = self._levels = None

    def at(self, tick: int) -> list[float]:
        """The number of each member at a tick."""
        if not self.members:
            return []
        plateau = self.plateau
        if plateau is None or not plateau.memory.reductions:
            return self.rates.at(tick)
        if self._levels is None:
            self._levels = ReducedRates(plateau, self.program, self.computed_bases)
        return self._levels.after(plateau.memory.reductions)

    def is_plain(self, groups: Sequence[ParamGroup]) -> bool:
        """Whether a step only has to set the members' numbers."""
        slot = self.slot
        return (
            self.plateau is None
            and not self.left_alone
            and slot is not None
            and not any(isinstance(slot.read(groups[i]), torch.Tensor) for i in self.members)
            and (not self.members or not self.rates.moves_momentum)
        )

    # ------------------------------------------------------------------ in the groups

    def restart(self, groups: Sequence[ParamGroup]) -> None:
        """Set each member to its base and store that in ``initial_…``, as PyTorch's classes do.

        A PyTorch class used by itself multiplies the rate that it finds, and some set
        ``initial_lr`` if there is none.
        """
        if self.slot is not None:
            for i in self.members:
                base = self.slot.base(groups[i])
                self.slot.note_base(groups[i], base)
                self.slot.write(groups[i], base)

    def stale(self, groups: Sequence[ParamGroup]) -> str | None:
        """The warning for a member whose base differs from its number; None if there is none."""
        return self.slot and self.slot.stale((i, groups[i]) for i in self.members)

    def write(self, groups: Sequence[ParamGroup], tick: int) -> None:
        """Write the numbers of a tick, and the momentum if the line changes it."""
        slot = self.slot
        if slot is None or not self.members:
            return
        left = self.left_alone
        for i, number in zip(self.members, self.at(tick), strict=True):
            if i not in left:
                slot.write(groups[i], number)
        momentum = self.rates.momenta.get(tick)
        if momentum is not None:
            for i in self.members:
                momentum_slot(groups[i]).write(groups[i], momentum)
        self.note(groups)

    def note(self, groups: Sequence[ParamGroup]) -> None:
        """Record the current numbers of the groups as those written."""
        if self.slot is None:
            return
        found = [self.slot.read(groups[i]) for i in self.members]
        self.written = [
            None if i in self.left_alone or isinstance(number, torch.Tensor) else number
            for i, number in zip(self.members, found, strict=True)
        ]

    def changes_in(
        self, groups: Sequence[ParamGroup], written: Sequence[float | None]
    ) -> Iterator[tuple[int, float, float]]:
        """The changes by other code: the group's index, the number written, and the one found."""
        slot = self.slot
        if slot is None:
            return
        for i, number in zip(self.members, written, strict=False):
            if i >= len(groups):
                return  # fewer groups than before: an error of the step
            found = slot.read(groups[i])
            if number is None or i in self.left_alone or isinstance(found, torch.Tensor):
                continue
            if abs(found - number) > TOLERANCE * abs(number):
                yield i, number, found

    def put_back(
        self, scheduler: BoundScheduler, written: Sequence[float | None], watch: Watch
    ) -> None:
        """Restore the numbers that other code has changed, with a warning.

        An added group whose number is changed a second time is no longer scheduled.
        """
        groups, slot = scheduler.optimizer.param_groups, self.slot
        expected = groups is not watch.groups and watch.is_loaded  # they come from a state
        for i, number, found in self.changes_in(groups, written):
            assert slot is not None
            if i >= watch.built_for and not expected:
                self.changes[i] += 1
                if self.changes[i] > 1:
                    self.leave_alone(i, f"other code keeps setting its {_slot_name(slot)}")
                    continue
            slot.write(groups[i], number)
            if not expected and not watch.has_warned and not is_quiet():
                watch.has_warned = True
                changed = (
                    f"{_slot_name(slot)} of group {i} was changed from {number:g} to {found:g}"
                )
                warn(f"the {changed} by {_by_whom(scheduler, slot, i, found)}")

    def leave_alone(self, group: int, why: str) -> None:
        """Stop scheduling this group, with a warning."""
        self.left_alone.add(group)
        self.forget_curve()
        of = "" if self.slot is None or self.slot.name == "lr" else f"the {self.slot.name} of "
        warn(f"{of}parameter group {group} is no longer scheduled: {why}")

    def take_up(self, groups: Sequence[ParamGroup], number: int) -> None:
        """Schedule an added group, unless the line is wrong for it."""
        assert self.slot is not None
        group = groups[number]
        base = self.slot.base(group)
        why = ""
        try:
            self.check(base)
        except ScheduleError as error:
            why = error.mistakes[0].message
        if self.members or not why:
            self.members.append(number)
            self.bases.append(base)
            self.forget_curve()
        if why:
            of = "base rate" if self.slot.name == "lr" else f"base of {self.slot.name},"
            self.leave_alone(number, f"the schedule is not valid for its {of} {base:g}: {why}")
        else:
            self.slot.note_base(group, base)

    def set_bases(self, groups: Sequence[ParamGroup], bases: Sequence[float]) -> None:
        """Set the bases of the members, from a list with a base for each group."""
        assert self.slot is not None
        for index, i in enumerate(self.members):
            if self.bases[index] != bases[i]:
                self.bases[index] = bases[i]
                self.slot.note_base(groups[i], bases[i])
        self.forget_curve()


def _by_whom(scheduler: BoundScheduler, slot: Slot, group: int, number: float) -> str:
    """The code that has changed a number, and the advice."""
    other = who_wrote(scheduler, slot, group, number)
    if other is None:
        advice = "change the plan"
        if slot.name == "lr":
            advice = "assign scheduler.base_lrs, or write a product (`*`) instead of a "
            advice += "second scheduler"
        return f"other code, and the schedule sets it again: to change it on purpose, {advice}"
    watch = getattr(other, "_watch", None)
    if isinstance(watch, Watch):
        watch.has_warned = True  # it would warn of the same cause
    named = getattr(other, "text", "") or type(other).__name__
    return (
        f"a second scheduler on this optimizer, `{named}`, and the schedule sets it again: use one "
        "scheduler. In one line, `*` multiplies two schedules, and `->` joins them in sequence"
    )


def _slot_name(slot: Slot) -> str:
    return "learning rate" if slot.name == "lr" else slot.name
