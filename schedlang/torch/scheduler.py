"""The base class of all schedulers: the lines, the state, and the detection of other writers."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from schedlang.errors import did_you_mean, quoted
from schedlang.patterns import first_fit
from schedlang.program.program import Program
from schedlang.torch.assignments import Assignment
from schedlang.torch.groups import LR, Slot, as_written, last_rates, name_of, slot_of
from schedlang.torch.other_schedulers import other_schedulers
from schedlang.torch.watch import Watch, warn

OnMismatch: TypeAlias = Literal["raise", "keep-step", "keep-fraction"]
CHOICES = (
    'Give on_mismatch="keep-step" (the same tick) or "keep-fraction" (the same share of the total)'
)


class BoundScheduler(LRScheduler):
    """A scheduler of one or more lines that keeps the numbers on their curves.

    A schedule that is not in a plan is a line for `lr` on all groups.

    Attributes:
        bases: the base rate of each parameter group; also called ``base_lrs``, which can be set.
        total: the total in ticks, or None if it never ends.
        on_mismatch: the default of `load_state_dict` for a state of another schedule.
        _assignments: the lines with the groups that they match.
        _values: the lines of `values`.
        _pytorch_base_lrs: the value that PyTorch's code has assigned to ``base_lrs``. It is not in
            ``__dict__`` under that name: in Python 3.11, looking into ``__dict__`` makes every
            later access to an attribute slower.
    """

    bases: list[float] = []  # noqa: RUF012  # never changed in place; PyTorch's __init__ steps before ours ran
    total: int | None = None
    on_mismatch: OnMismatch = "raise"
    _watch: Watch | None = None  # None while PyTorch's own __init__ runs
    _assignments: Sequence[Assignment] = ()
    _values: Sequence[Assignment] = ()
    _pytorch_base_lrs: list[Any]

    def follow(self, lines: Sequence[Assignment], values: Sequence[Assignment] = ()) -> None:
        """Set the lines of this scheduler, and their bases."""
        self._assignments, self._values = list(lines), list(values)
        self.bases = self._known_bases()

    def begin(self, start: int, on_mismatch: OnMismatch, stale: str | None) -> None:
        """Start at a tick, and record the numbers in the groups as written by this scheduler."""
        self.on_mismatch = on_mismatch
        groups = len(self.optimizer.param_groups)
        self._watch = Watch(groups, groups, None if start else stale)
        self._watch.has_second = bool(stale and other_schedulers(self))
        self._step_count = 1  # not all of PyTorch's own classes set it
        if start:
            self._restore({}, start)
            self.jump(start)
        self._note()
        self._watch.groups = None  # the first step checks all groups

    def _note(self) -> None:
        """Record the current numbers of the groups as those written at the tick."""
        watch = self._watched
        for assignment in self._assignments:
            assignment.note(self.optimizer.param_groups)
        watch.groups, watch.tick = self.optimizer.param_groups, self.last_epoch

    @property
    def _watched(self) -> Watch:
        assert self._watch is not None
        return self._watch

    @property
    def _is_own_call(self) -> bool:
        """Whether PyTorch's own code is the caller, which constructs or steps this scheduler."""
        return self._watch is None or self._watch.inside

    # ------------------------------------------------------------------ the schedule

    @property
    def program(self) -> Program:
        """The program for the first group."""
        return self._assignments[0].program

    @property
    def text(self) -> str:
        """The canonical text of a single line; empty for a plan."""
        texts = [line.text for line in (*self._assignments, *self._values)]
        return texts[0] if len(texts) == 1 else ""

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The hyperparameters that have lines."""
        return tuple(dict.fromkeys(assignment.key for assignment in self._assignments))

    def _of(self, key: str) -> list[Assignment]:
        """The lines of a hyperparameter."""
        return [assignment for assignment in self._assignments if assignment.key == key]

    def _at(self, key: str, tick: int) -> list[Any]:
        """The number of each group at a tick; the current one if no line sets it."""
        lines = self._of(key)
        slot = next((line.slot for line in lines if line.slot is not None), Slot(key, key))
        found = [slot.read(group) for group in self.optimizer.param_groups]
        for line in lines:
            for i, number in zip(line.members, line.at(tick), strict=True):
                if i < len(found) and i not in line.left_alone:
                    found[i] = number
        return found

    def rates_at(self, tick: int) -> list[float]:
        """Each group's rate at a tick."""
        return self._at("lr", tick)

    def get_lr(self) -> list[float | Tensor]:
        """Each group's rate at ``last_epoch``, computed from the schedule."""
        return self._at("lr", max(self.last_epoch, 0))

    def get_last(self, key: str) -> Any:
        """The current numbers of a hyperparameter, one for each group, or the number of a value.

        Raises:
            KeyError: if there is no line of this name.
        """
        if key == "lr":
            return self.get_last_lr()
        for value in self._values:
            if value.pattern == key:
                return value.at(self.last_epoch)[0]
        if not self._of(key):
            known = (*self.hyperparameters, *(str(value.pattern) for value in self._values))
            raise KeyError(
                f"the schedule has no line for {quoted(key)}; {did_you_mean(key, known)}"
            )
        slot = self._of(key)[0].slot or LR
        found = [slot.read(group) for group in self.optimizer.param_groups]
        return [number.clone() if isinstance(number, Tensor) else number for number in found]

    @property
    def base_lrs(self) -> list[Any]:
        """The base rate of each parameter group. An assignment takes effect at the next step."""
        return self._pytorch_base_lrs if self._is_own_call else self.bases

    @base_lrs.setter
    def base_lrs(self, bases: Sequence[float | Tensor]) -> None:
        if self._is_own_call:  # CyclicLR stores its lower level there
            self._pytorch_base_lrs = list(bases)
            return
        if len(bases) != len(self.optimizer.param_groups):
            groups = len(self.optimizer.param_groups)
            raise ValueError(f"there are {groups} parameter groups, and {len(bases)} base rates")
        new = [as_written(base) for base in bases]
        self._check_bases(new)
        self.bases = new

    def _check_bases(self, bases: Sequence[float]) -> None:
        """Raise an error for new base rates for which the schedule is wrong.

        Raises:
            ScheduleError: with all mistakes.
        """
        for assignment in self._of("lr"):
            for i, base in zip(assignment.members, assignment.bases, strict=True):
                if bases[i] != base and i not in assignment.left_alone:
                    assignment.check(bases[i])

    def is_disturbed(self) -> bool:
        """Whether other code has set a number of a group."""
        groups = self.optimizer.param_groups
        return any(
            any(True for _ in assignment.changes_in(groups, self._written(assignment)))
            for assignment in self._assignments
        )

    def is_in_plateau(self) -> bool:
        """Whether the tick is in a plateau, where steps depend on metrics."""
        plateaus = [each.plateau for each in self._assignments if each.plateau is not None]
        return any(self.last_epoch >= plateau.begin for plateau in plateaus)

    def ends_on_its_peak(self, end: int) -> bool:
        """Whether no rate is higher than the one held after the end, as with only a warm-up."""
        programs = [each.program for each in self._assignments if each.key == "lr" and each.bases]
        return not any(
            program.at(end * i // 100) > program.at(end) * (1 + 1e-9)
            for program in programs
            for i in range(100)
        )

    # ------------------------------------------------------------------ steps

    def _count(self, tick: int) -> None:
        """Set the counters, so that the next step is the one after ``tick``."""
        self.last_epoch = tick

    def jump(self, tick: int) -> None:
        """Go to a tick: set the counters, the numbers and the momentum of that tick."""
        self._count(tick)
        self._write()

    def _write(self) -> None:
        """Write the numbers of the tick, and the momentum."""
        groups, watch = self.optimizer.param_groups, self._watched
        for assignment in self._assignments:
            assignment.write(groups, self.last_epoch)
        watch.groups, watch.tick = groups, self.last_epoch
        self._last_lr = last_rates(self.optimizer)

    def _settle(self) -> None:
        """Restore numbers that other code has changed, and schedule added groups."""
        watch = self._watched
        if watch.tick == self.last_epoch:
            for assignment in self._assignments:
                assignment.put_back(self, self._written(assignment), watch)
        if watch.stale is not None:
            self._warn_of_stale(watch)
        watch.is_loaded = False
        self._take_up()

    def _warn_of_stale(self, watch: Watch) -> None:
        """Warn of a stale base, unless it is caused by a second scheduler, which has a warning.

        A second scheduler that is stepped after this one is detected in the second step.
        """
        if watch.has_second:
            watch.has_second = False
            return
        message, watch.stale = watch.stale, None
        if message is not None and not watch.has_warned:
            warn(message)

    def _written(self, assignment: Assignment) -> Sequence[float | None]:
        """The numbers that this scheduler wrote in its last step, one for each member."""
        return assignment.written

    def _take_up(self) -> None:
        """Schedule added groups, and apply assigned base rates.

        Raises:
            ValueError: if there are fewer groups than before.
            ScheduleError: if a base rate was changed in place, and the schedule is wrong for it.
        """
        groups, taken = self.optimizer.param_groups, self._watched.taken
        if len(groups) < taken:
            raise ValueError(f"there were {taken} parameter groups, now there are {len(groups)}")
        if len(groups) == taken and self.bases == self._known_bases():
            return
        self._check_bases(self.bases)
        for assignment in self._of("lr"):
            assignment.set_bases(groups, self.bases)
        for i in range(taken, len(groups)):
            if i < len(self.bases):  # assigned before the group was scheduled
                LR.note_base(groups[i], self.bases[i])
            self._take_up_group(i)
        self._watched.taken = len(groups)
        self.bases = self._known_bases()
        self._watched.by_curve = True

    def _take_up_group(self, number: int) -> None:
        """Schedule an added group: each hyperparameter by the first line that matches."""
        groups = self.optimizer.param_groups
        without = []
        for key in self.hyperparameters:
            lines = self._of(key)
            index = first_fit([line.pattern for line in lines], number, name_of(groups[number]))
            if index is None or lines[index].slot != slot_of(key, groups[number]):
                without.append(f"`{key}`")
            else:
                lines[index].take_up(groups, number)
        if without:
            keys = " and ".join(without)
            warn(f"parameter group {number} keeps its {keys}: no line of the plan matches it")

    def _known_bases(self) -> list[float]:
        """The base rate of each group for which its rate is computed."""
        groups = self.optimizer.param_groups
        bases = list(self.bases)
        bases += [as_written(group["lr"]) for group in groups[len(bases) :]]
        for assignment in self._of("lr"):
            for i, base in zip(assignment.members, assignment.bases, strict=True):
                bases[i] = base
        return bases

    # ------------------------------------------------------------------ as a child of a scheduler

    @property
    def _waits(self) -> bool:
        """Whether another scheduler has reset this one's first step, to start it later."""
        return self.last_epoch < 0

    @property
    def is_inside_another(self) -> bool:
        """Whether another scheduler steps this one."""
        return self._watched.is_child or self._waits

    def _enter(self, tick: int) -> None:
        """Go to a tick for another scheduler; rates before it are ignored."""
        self._watched.is_child = True
        self._watched.stale = None
        self._take_up()
        self.jump(tick)

    def _initial_step(self) -> None:
        """Go to tick 0: PyTorch's ``SequentialLR`` starts its first child this way."""
        if self._is_own_call:
            super()._initial_step()
        else:
            self._enter(0)
            self._step_count = 1

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go to a tick: PyTorch's ``SequentialLR`` starts its other children this way."""
        if self._is_own_call:
            super()._update_lr(epoch)
        else:
            self._enter(self.last_epoch + 1 if epoch is None else epoch)

    # ------------------------------------------------------------------ the state

    def described(self) -> dict[str, Any]:
        """The schedule's part of a state: its lines, the bound settings, the bases, the total."""
        count = len(self.optimizer.param_groups)
        bases: dict[str, list[float | None]] = {key: [None] * count for key in self.hyperparameters}
        binding: dict[str, str | int] = {}
        for line in self._assignments:
            binding |= line.binding
            for i, base in zip(line.members, line.bases, strict=True):
                bases[line.key][i] = self.bases[i] if line.key == "lr" else base
        lines = {line.place: line.text for line in (*self._assignments, *self._values)}
        return {"lines": lines, "binding": binding, "bases": bases, "total": self.total}

    def _saved(self) -> dict[str, Any]:
        """The state, as plain numbers and text."""
        lines = (*self._assignments, *self._values)
        left = {line.place: sorted(line.left_alone) for line in lines if line.left_alone}
        memories = {line.place: asdict(line.plateau.memory) for line in lines if line.plateau}
        return {
            **self.described(),
            **({"left_alone": left} if left else {}),
            **({"plateau": memories} if memories else {}),
        }

    def load_state_dict(
        self, state_dict: Mapping[str, Any], *, on_mismatch: OnMismatch | None = None
    ) -> None:
        """Continue from a saved state; the groups get the numbers of its tick.

        A child of PyTorch's ``SequentialLR`` writes no rates here, since another child may be
        active: they are in the optimizer's state.

        Args:
            state_dict: the state of a scheduler of the same schedule, with either engine.
            on_mismatch: what to keep if it belongs to another schedule: nothing (``"raise"``), the
                tick (``"keep-step"``), or the completed share of the total
                (``"keep-fraction"``). By default, the value given to `to_torch`.

        Raises:
            ValueError: if the state belongs to another schedule, with the differences.
        """
        watch = self._watched
        self._take_up()
        tick = self.agreed_tick(state_dict, on_mismatch or self.on_mismatch)
        self._restore(state_dict, tick)
        watch.is_child = watch.is_child or self._waits
        if watch.is_child or tick < 0:
            self._count(tick)
            watch.tick = None
        else:
            self.jump(tick)
        self._step_count = state_dict.get("_step_count", self._step_count)
        watch.is_loaded, watch.stale = True, None

    def _restore(self, state: Mapping[str, Any], tick: int) -> None:
        """Load the rest of a state: plateaus, and groups that are no longer scheduled."""
        memories, left = state.get("plateau", {}), state.get("left_alone", {})
        for line in (*self._assignments, *self._values):
            if line.plateau is not None:
                line.plateau.restore(memories.get(line.place), tick)
            if line.place in left:
                line.left_alone.update(i for i in left[line.place] if i in line.members)
                line.forget_curve()
                self._watched.by_curve = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            _NoOpScheduler(self.optimizer)

    def differences(self, state: Mapping[str, Any]) -> list[str]:
        """The differences between the schedule of a saved state and this one, in words."""
        there, here = state, self.described()
        if "lines" not in there:
            return ["it contains no schedule"]
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
        # lr= agrees with the base rates, which are compared below
        for name in sorted({*there["binding"], *here["binding"]} - {"lr"}):
            theirs, ours = (each["binding"].get(name, "not set") for each in (there, here))
            if theirs != ours:
                found.append(f"{name} is {theirs} there, {ours} here")
        for key in [key for key in here["bases"] if key in there["bases"]]:
            found += _other_bases(key, there["bases"][key], here["bases"][key])
        return list(dict.fromkeys(found))

    def agreed_tick(self, state: Mapping[str, Any], on_mismatch: OnMismatch) -> int:
        """The tick to continue from.

        Raises:
            ValueError: if the state belongs to another schedule, and ``on_mismatch`` is ``"raise"``
                or cannot be applied.
        """
        check_choice(on_mismatch)
        tick = operator.index(state["last_epoch"])
        found = self.differences(state)
        if not found or tick < 0:
            return tick
        if on_mismatch == "raise":
            raise ValueError(
                f"this state belongs to another schedule: {'; '.join(found)}. {CHOICES}"
            )
        if on_mismatch == "keep-step":
            return tick
        before, now = state.get("total"), self.total
        if not before or not now:
            which = "this schedule" if before else "the state's schedule"
            raise ValueError(f"{which} never ends, so keep-fraction is not possible: use keep-step")
        return math.floor(Fraction(tick * now, before) + Fraction(1, 2))


class _NoOpScheduler(LRScheduler):
    """Moves nothing; but building it shows PyTorch that a copied optimizer steps."""

    def get_lr(self) -> list[float | Tensor]:
        return last_rates(self.optimizer)


def check_choice(on_mismatch: str) -> None:
    """Raise an error for an unknown choice.

    Raises:
        ValueError: with the valid choices.
    """
    if on_mismatch not in {"raise", "keep-step", "keep-fraction"}:
        raise ValueError(
            f"on_mismatch must be one of raise, keep-step, keep-fraction, not {on_mismatch!r}"
        )


def _other_order(there: Iterable[str], here: Iterable[str]) -> list[str]:
    """The differences in the order of patterns."""
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
    key: str, there: Sequence[float | None], here: Sequence[float | None]
) -> list[str]:
    if len(there) != len(here):
        return [f"there are {len(there)} parameter groups there, {len(here)} here"]
    what = "base rate" if key == "lr" else f"base of `{key}`"
    return [
        f"group {i} has the {what} {theirs:g} there, {ours:g} here"
        for i, (theirs, ours) in enumerate(zip(there, here, strict=True))
        if theirs is not None and ours is not None and not math.isclose(theirs, ours, rel_tol=1e-6)
    ]
