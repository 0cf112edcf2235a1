"""A plan on an optimizer: one fused scheduler for every hyperparameter and every group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, SupportsFloat

from torch import Tensor
from torch.optim import Optimizer

from schedlang.errors import nearest, quoted
from schedlang.patterns import first_fit
from schedlang.torch.assignments import Assignment
from schedlang.torch.fused import Fused
from schedlang.torch.groups import Group, Slot, as_written, name_of, slot_of
from schedlang.torch.metrics import one_metric
from schedlang.torch.plateau import Plateau
from schedlang.torch.state import OnMismatch
from schedlang.torch.watch import warn


class _Strip(NamedTuple):
    """What a step sets for one assignment, tick by tick; see `schedlang.torch.rates.Rates`."""

    slot: Slot
    groups: list[Group]
    bases: list[float]
    relative: list[float]
    absolute: list[float]

    def written(self, index: int, member: int) -> float:
        """The number of a member at a tick."""
        number = self.absolute[index]
        return self.relative[index] * self.bases[member] + number if self.relative else number

    def write(self, index: int) -> None:
        """Set the numbers of a tick."""
        key, number = self.slot.key, self.absolute[index]
        if self.slot.item is not None:
            for member, group in enumerate(self.groups):
                self.slot.write(group, self.written(index, member))
        elif not self.relative:
            for group in self.groups:
                group[key] = number
        else:
            factor = self.relative[index]
            for group, base in zip(self.groups, self.bases):  # noqa: B905  # their lengths are equal
                group[key] = factor * base + number


class FusedPlan(Fused):
    """The numbers of a plan, computed a block of ticks ahead.

    A step looks up the level pair of each line and sets the number of each group that the line
    fits. It looks at one number, in turn, for a change that somebody else has made.

    Attributes:
        _values: the lines that belong to no optimizer.
        _strips: what a step sets, from the tick ``_first`` on.
    """

    _ahead = Fused._ahead | {"_strips"}  # noqa: SLF001  # of its own base class

    def __init__(
        self,
        assignments: Sequence[Assignment],
        values: Sequence[Assignment],
        total: int | None,
        optimizer: Optimizer,
    ) -> None:
        self._assignments = list(assignments)
        self._values = list(values)
        self.total = total
        for assignment in assignments:
            assignment.restart(optimizer.param_groups)
        self.bases = [as_written(group["lr"]) for group in optimizer.param_groups]
        self._prepare()
        super(Fused, self).__init__(optimizer)

    def begin(self, start: int, on_mismatch: OnMismatch, stale: str | None) -> None:
        super().begin(start, on_mismatch, stale)
        self.bases = self._known_bases()

    def _prepare(self) -> None:
        super()._prepare()
        self._strips: list[_Strip] = []

    def _plateaus(self) -> list[Plateau]:
        each = (assignment.plateau for assignment in (*self._assignments, *self._values))
        return [plateau for plateau in each if plateau is not None]

    # ------------------------------------------------------------------ what there is

    def all_bases(self) -> dict[str, list[float]]:
        described: dict[str, list[float | None]] = self._described()["bases"]
        return {key: [base or 0.0 for base in bases] for key, bases in described.items()}

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The hyperparameters that the plan has lines for."""
        return tuple(dict.fromkeys(assignment.key for assignment in self._assignments))

    def get_last(self, key: str) -> Any:
        """The numbers of a hyperparameter at the tick, one a group; of a value, its number.

        Raises:
            KeyError: if the plan has no such line.
        """
        if key == "lr":
            return self.get_last_lr()
        for value in self._values:
            if value.pattern == key:
                return value.at(self._tick)[0]
        slot = self._slot(key)
        if slot is None:
            known = (*self.hyperparameters, *(str(value.pattern) for value in self._values))
            raise KeyError(f"the plan has no line for {quoted(key)}; {nearest(key, known)}")
        found = [slot.read(group) for group in self.optimizer.param_groups]
        return [number.clone() if isinstance(number, Tensor) else number for number in found]

    def _slot(self, key: str) -> Slot | None:
        """Where a hyperparameter is in a group; None if the plan has no line for it."""
        return next((each.slot for each in self._assignments if each.key == key), None)

    def _at(self, key: str, tick: int) -> list[Any]:
        """The number of each group at a tick; where no line fits, what the group has."""
        groups = self.optimizer.param_groups
        slot = self._slot(key)
        found = [(slot or Slot(key, key)).read(group) for group in groups]
        for assignment in self._assignments:
            if assignment.key == key:
                for i, number in zip(assignment.members, assignment.at(tick), strict=True):
                    if i not in assignment.left_alone:
                        found[i] = number
        return found

    def rates_at(self, tick: int) -> list[float]:
        return self._at("lr", tick)

    def get_lr(self) -> list[float | Tensor]:
        return self._at("lr", max(self.last_epoch, 0))

    # ------------------------------------------------------------------ steps

    def step(
        self, metric: SupportsFloat | None = None, *, metrics: SupportsFloat | None = None
    ) -> None:
        """End a tick: the next update has the next numbers.

        Args:
            metric: what a closing `plateau` listens to, as for a line alone.
            metrics: the same under PyTorch's name.

        Raises:
            TypeError: if a metric is missing, or if there is no plateau to take one.
        """
        tick = self._tick + 1
        groups = self.optimizer.param_groups
        if (
            metric is None
            and metrics is None
            and 0 < (index := tick - self._first) < self._ready
            and groups is self._groups
            and len(groups) == len(self._known)
            and self.bases == self._known
        ):
            strips = self._strips
            turn, which = divmod(tick, len(strips))
            strip = strips[which]
            member = turn % len(strip.groups)
            if strip.slot.read(strip.groups[member]) == strip.written(index - 1, member):
                self._tick = tick
                self._step_count += 1
                for each in strips:
                    each.write(index)
                return
        self._step(one_metric(metric, metrics))

    def _look_ahead(self) -> int:
        self._first, self._strips = self._tick, []
        for assignment in self._assignments:
            if assignment.members and assignment.slot is not None:
                rates, past = assignment.rates, self._tick - assignment.rates.first
                members = [self._groups[i] for i in assignment.members]
                pairs = rates.relative[past:], rates.absolute[past:]
                self._strips.append(
                    _Strip(assignment.slot, members, assignment.computed_bases, *pairs)
                )
        return min((len(strip.absolute) for strip in self._strips), default=0)

    # ------------------------------------------------------------------ groups

    def _known_bases(self) -> list[float]:
        groups = self.optimizer.param_groups
        bases = list(self.bases)
        bases += [as_written(group["lr"]) for group in groups[len(bases) :]]
        for assignment in self._assignments:
            if assignment.key == "lr":
                for i, base in zip(assignment.members, assignment.bases, strict=True):
                    bases[i] = base
        return bases

    def _has_new_bases(self) -> bool:
        return self.bases != self._known_bases()

    def _take_up_group(self, number: int) -> None:
        groups = self.optimizer.param_groups
        without = []
        for key in self.hyperparameters:
            assignments = [assignment for assignment in self._assignments if assignment.key == key]
            patterns = [assignment.pattern for assignment in assignments]
            index = first_fit(patterns, number, name_of(groups[number]))
            if index is None or assignments[index].slot != slot_of(key, groups[number]):
                without.append(f"`{key}`")
            else:
                assignments[index].take_up(groups, number)
        if without:
            keys = " and ".join(without)
            warn(f"parameter group {number} keeps its {keys}: no line of the plan fits it")

    # ------------------------------------------------------------------ the state

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and text: the lines, the tick, and what plateaus remember."""
        lines = (*self._assignments, *self._values)
        left = {
            assignment.place: sorted(assignment.left_alone)
            for assignment in self._assignments
            if assignment.left_alone
        }
        memories = {p.place: asdict(p.plateau.memory) for p in lines if p.plateau is not None}
        return {
            **self._described(),
            "total": self.total,
            "last_epoch": self._tick,
            "_step_count": self._step_count,
            **({"left_alone": left} if left else {}),
            **({"plateau": memories} if memories else {}),
        }

    def _described(self) -> dict[str, Any]:
        """The plan as a state has it: its lines, what was bound, and the bases by group."""
        count = len(self.optimizer.param_groups)
        bases: dict[str, list[float | None]] = {key: [None] * count for key in self.hyperparameters}
        binding: dict[str, str | int] = {}
        for assignment in self._assignments:
            binding |= assignment.binding
            for i, base in zip(assignment.members, assignment.bases, strict=True):
                bases[assignment.key][i] = base
        lines = {
            assignment.place: assignment.text for assignment in (*self._assignments, *self._values)
        }
        return {"lines": lines, "binding": binding, "bases": bases}

    def differences(self, state: Mapping[str, Any]) -> list[str]:
        """In words, key by key, where the plan of a saved state differs from this one."""
        there, here = of_plan(state), self._described()
        if "lines" not in there:
            return ["it names no schedule"]
        found = []
        for place in dict.fromkeys((*there["lines"], *here["lines"])):
            theirs, ours = (
                f"`{lines[place]}`" if place in lines else "no line"
                for lines in (there["lines"], here["lines"])
            )
            if theirs != ours:
                found.append(f"`{place}` is {theirs} there, {ours} here")
        if not found and list(there["lines"]) != list(here["lines"]):
            found += _other_order(there["lines"], here["lines"])
        for name in sorted({*there["binding"], *here["binding"]} - {"lr"}):
            theirs, ours = (each["binding"].get(name, "not set") for each in (there, here))
            if theirs != ours:
                found.append(f"{name} is {theirs} there, {ours} here")
        for key in here["bases"]:
            found += _other_bases(key, there["bases"].get(key), here["bases"][key])
        return list(dict.fromkeys(found))

    def _restore(self, state: Mapping[str, Any], tick: int) -> None:
        memories = of_plan(state).get("plateau", {})
        for assignment in (*self._assignments, *self._values):
            if assignment.plateau is not None:
                assignment.plateau.restore(memories.get(assignment.place), tick)

    def _leave_alone(self, saved: Any) -> None:
        if not isinstance(saved, Mapping):
            saved = {"lr": saved}
        for assignment in self._assignments:
            assignment.left_alone.update(
                i for i in saved.get(assignment.place, ()) if i in assignment.members
            )
            assignment.forget_curve()


def of_plan(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state as that of a plan: the state of a line is that of the plan ``{lr: line}``."""
    if "text" not in state:
        return state
    plan = {"lines": {"lr": state["text"]}, "bases": {"lr": state["bases"]}}
    memory = {"plateau": {"lr": state["plateau"]}} if "plateau" in state else {}
    return {**state, **plan, **memory}


def _other_order(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """The hyperparameters whose patterns stand in another order."""
    found = []
    for key in dict.fromkeys(place.partition(".")[0] for place in here):
        theirs, ours = (
            ", ".join(place for place in lines if place.partition(".")[0] == key)
            for lines in (there, here)
        )
        if theirs != ours:
            found.append(f"the order of the patterns is {theirs} there, {ours} here")
    return found


def _other_bases(
    key: str, there: Sequence[float | None] | None, here: Sequence[float | None]
) -> list[str]:
    if there is None:
        return []  # there is no line for it there, which is told
    if len(there) != len(here):
        return [f"there are {len(there)} parameter groups there, {len(here)} here"]
    what = "base rate" if key == "lr" else f"base of `{key}`"
    return [
        f"group {i} has the {what} {theirs:g} there, {ours:g} here"
        for i, (theirs, ours) in enumerate(zip(there, here, strict=True))
        if theirs is not None and ours is not None and not math.isclose(theirs, ours, rel_tol=1e-6)
    ]


def stale_of(assignments: Sequence[Assignment], groups: Sequence[Group]) -> str | None:
    """The warning for a group whose base is not its number; None if there is none."""
    each = (assignment.stale(groups) for assignment in assignments)
    return next((warning for warning in each if warning), None)
