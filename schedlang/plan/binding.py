"""Binds a plan: each line under the settings of the plan and of the caller."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schedlang.errors import Mistake, ScheduleError, ScheduleWarning, did_you_mean, quoted, warn
from schedlang.patterns import Pattern, first_fit, fits
from schedlang.plan.reading import PLAN_SETTINGS, Line, as_one, in_its_line, in_line, shared
from schedlang.program.binding import no_base
from schedlang.program.clock import Clock, merge

if TYPE_CHECKING:
    from schedlang.plan.model import Plan
    from schedlang.program.program import Program
    from schedlang.schedule import Schedule

FROZEN_AT_ZERO = frozenset({"lr", "weight_decay"})
"""The hyperparameters whose base of 0 means that the group is frozen."""


class Binder:
    """Binds the lines of a plan under the caller's settings, and collects their mistakes.

    Args:
        plan: the plan.
        given: settings by name, None for those that are not set; and the bases of hyperparameters
            by key: a number, or one for each group.
        groups: the names of the groups, if given.

    Raises:
        ScheduleError: if a base or a group is wrong; if a setting is wrong, is given twice with
            different values, or makes the unit of a bare length ambiguous.
    """

    def __init__(
        self, plan: Plan, given: Mapping[str, Any], groups: Sequence[str] | None = None
    ) -> None:
        given = {name: value for name, value in given.items() if value is not None}
        self.plan = plan
        self.bases = {name: value for name, value in given.items() if name not in PLAN_SETTINGS}
        self.found = list(_wrong_bases(plan, groups, self.bases))
        self._given = {name: given[name] for name in given if name in PLAN_SETTINGS}
        whole = as_one(plan.settings, plan.lines)
        try:
            settings = merge(whole, self._given)
        except ScheduleError as error:
            found = [in_its_line(mistake, plan.lines) for mistake in error.mistakes]
            raise ScheduleError(found) from None
        self._shared = shared(plan.settings, plan.lines)
        self._tick = Clock.of(whole, settings).tick
        self.finish()

    def finish(self) -> None:
        """Raise an error if there are mistakes.

        Raises:
            ScheduleError: with all mistakes under this binding.
        """
        if self.found:
            raise ScheduleError(self.found)

    def bind(
        self,
        line: Line,
        base: float | None = None,
        *,
        groups: Mapping[str, float] | None = None,
        symbolic: bool = False,
    ) -> Program | None:
        """The program of a line; None if it is wrong.

        Args:
            line: the line.
            base: its base; without one, the program is in shares of the base.
            groups: the bases of parameter groups by label, which must agree with ``base`` if it is
                given; the program is that of the first group.
            symbolic: whether to leave the base open.
        """
        try:
            if line.is_value:
                return self._value(line)
            if groups is not None:
                return self._of_groups(line, groups, base)
            if base == 0 and not symbolic:
                return self._of_groups(line, {line.key: base})
            return self._program(line, {"lr": base}, symbolic=symbolic, moves=line.key)
        except ScheduleError as error:
            self.found += in_line(error, line.place)
            return None

    def _program(self, line: Line, base: dict[str, Any] | None = None, **options: Any) -> Program:
        schedule, given = self.as_written(line), {**self._given, **(base or {})}
        if Clock.of(schedule, merge(schedule, self._given)).tick != self._tick:
            given["clock"] = self._tick
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ScheduleWarning)
            program = schedule._bind(given, **options)
        for warning in caught:
            warn(f"`{line.place}`: {warning.message}")
        return program

    def as_written(self, line: Line) -> Schedule:
        """The line with the settings of the plan added."""
        schedule = line.schedule
        new = {n: v for n, v in self._shared.items() if getattr(schedule, n) is None}
        return schedule.model_copy(update=new) if new else schedule

    def _value(self, line: Line) -> Program:
        program = self._program(line, symbolic=True)
        if program.base is None and program.needs_base:
            message = "{share} is a share of a base, but a value has no base"
            raise ScheduleError([no_base(line.schedule, message)], program.source)
        return program

    def _of_groups(
        self, line: Line, groups: Mapping[str, float], base: float | None = None
    ) -> Program:
        if line.key not in FROZEN_AT_ZERO:
            self._refuse_shares_of_zero(line, groups)
            groups = {name: computed_base(line.key, base) for name, base in groups.items()}
        labels = list(groups)
        bases = list(groups.values())
        return self._program(line, {"lr": base}, groups=bases, labels=labels, moves=line.key)

    def _refuse_shares_of_zero(self, line: Line, groups: Mapping[str, float]) -> None:
        zeros = [name for name, base in groups.items() if not base]
        if not zeros:
            return
        program = self._program(line, symbolic=True)
        if program.needs_base:
            which = "" if zeros == [line.key] else f" of {zeros[0]}"
            which += f" and {len(zeros) - 1} more" if len(zeros) > 1 else ""
            message = f"{{share}} is a share of the base, but `{line.key}`{which} is 0"
            raise ScheduleError([no_base(line.schedule, message)], program.source)


def computed_base(key: str, base: float) -> float:
    """The base for which a line is computed: 1 instead of 0, unless 0 means frozen.

    A line that is valid for a base of 0 does not depend on it.
    """
    return base if base or key in FROZEN_AT_ZERO else 1.0


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────


def lines_of(plan: Plan, key: str) -> list[Line]:
    """The lines of a hyperparameter, in order."""
    return [line for line in plan.lines if line.key == key]


def by_group(
    lines: Sequence[Line], names: Sequence[str], later: Sequence[str] = ()
) -> tuple[list[Line | None], list[Mistake]]:
    """The line of each group for one hyperparameter, and the mistakes.

    Args:
        lines: the lines of the hyperparameter.
        names: the names of the groups; ``""`` for a group without a name.
        later: patterns of groups that are added later.
    """
    patterns: list[Pattern | None] = [line.pattern for line in lines]
    found: list[Mistake] = []
    there = ", ".join(f"{i} `{name}`" if name else f"{i} (no name)" for i, name in enumerate(names))
    for line, pattern in zip(lines, patterns, strict=True):
        if pattern in {None, "*", *later} or any(fits(pattern, *each) for each in enumerate(names)):
            continue
        message = f"`{pattern}` matches no parameter group"
        found.append(Mistake("groups", message, f"the groups are {there}", place=line.place))
    chosen: list[Line | None] = []
    for number, name in enumerate(names):
        index = first_fit(patterns, number, name)
        chosen.append(None if index is None else lines[index])
        if index is None:
            which = f"group {number} `{name}`" if name else f"group {number}, which has no name"
            message = f"no line of `{lines[0].key}` matches parameter {which}"
            has = ", ".join(f"`{pattern}`" for pattern in patterns)
            advice = f'the patterns are {has}; "*" matches all others'
            found.append(Mistake("groups", message, advice, place=lines[0].key))
    return chosen, found


def bind(
    plan: Plan, groups: Sequence[str] | None, given: Mapping[str, Any], *, symbolic: bool = False
) -> dict[str, Any]:
    """The programs of a plan by key, and by group if groups are given.

    Args:
        plan: the plan.
        groups: the names of the groups.
        given: settings, and bases of hyperparameters: a number, or one for each group.
        symbolic: whether to leave missing bases open.

    Raises:
        ScheduleError: with everything that is wrong under this binding.
    """
    if mistakes := list(_wrong_groups(plan, groups)):
        raise ScheduleError(mistakes)
    if groups is None:
        programs = by_line(plan, given, symbolic=None if symbolic else False)
        return {str(line.pattern) if line.is_value else line.key: each for line, each in programs}
    binder = Binder(plan, given, groups)
    bound: dict[str, Any] = {}
    for key in plan.hyperparameters:
        chosen, found = by_group(lines_of(plan, key), groups)
        binder.found += found
        bound[key], base = {}, binder.bases.get(key)
        for group, line in zip(groups, chosen, strict=True):
            own = base.get(group) if isinstance(base, Mapping) else base
            if line is not None:
                bound[key][group] = binder.bind(line, own, symbolic=symbolic and own is None)
    for line in lines_of(plan, "values"):
        bound[str(line.pattern)] = binder.bind(line)
    binder.finish()
    return bound


def by_line(
    plan: Plan, given: Mapping[str, Any], *, symbolic: bool | None = False
) -> list[tuple[Line, Program]]:
    """The program of every line, in order, without groups.

    Args:
        plan: the plan.
        given: settings, and bases of hyperparameters as numbers.
        symbolic: whether to leave the bases open; None to leave only missing bases open.

    Raises:
        ScheduleError: with everything that is wrong under this binding.
    """
    binder = Binder(plan, given)
    found = []
    for line in sorted(plan.lines, key=lambda line: line.is_value):
        base = binder.bases.get(line.key)
        is_open = base is None if symbolic is None else symbolic
        if (program := binder.bind(line, base, symbolic=is_open)) is not None:
            found.append((line, program))
    binder.finish()
    return found


def panels(
    plan: Plan, groups: Sequence[str] | None, given: Mapping[str, Any]
) -> dict[str, dict[str, Program]]:
    """The programs of each hyperparameter and value by group, for a plot.

    Without names of groups, there is one for each pattern. A line for all groups has the label
    ``""`` and is in the title.

    Raises:
        ScheduleError: with everything that is wrong under this binding.
    """
    if groups is None:
        return panels_of(by_line(plan, given))
    bound = bind(plan, groups, given)
    values = [(line, bound[str(line.pattern)]) for line in lines_of(plan, "values")]
    return {**{key: bound[key] for key in plan.hyperparameters}, **panels_of(values)}


def panels_of(programs: Iterable[tuple[Line, Program]]) -> dict[str, dict[str, Program]]:
    """The programs of lines in the form that `panels` returns."""
    found: dict[str, dict[str, Program]] = {}
    for line, program in programs:
        if line.pattern is None or line.is_value:
            name = line.pattern if line.is_value else line.key
            found[f"{name}: {line.schedule}"] = {"": program}
        else:
            found.setdefault(line.key, {})[str(line.pattern)] = program
    return found


def _wrong_groups(plan: Plan, groups: Sequence[str] | None) -> Iterator[Mistake]:
    if groups is None:
        for line in plan.lines:
            if line.pattern is not None and not line.is_value:
                advice = 'give their names: groups=("backbone", "head")'
                message = f"`{line.key}` has lines by parameter groups, but no groups are given"
                yield Mistake("groups", message, advice, place=line.key)
                return
    elif isinstance(groups, str) or not groups or len(set(groups)) < len(groups):
        message = f"groups must be a sequence of unique names, not {quoted(groups)}"
        yield Mistake("groups", message, place="groups")


def _wrong_bases(
    plan: Plan, groups: Sequence[str] | None, bases: Mapping[str, Any]
) -> Iterator[Mistake]:
    """The mistakes in bases: wrong numbers, unknown keys and unknown groups."""
    for key, base in bases.items():
        if key not in plan.hyperparameters:
            message = f"the plan has no line for {quoted(key)}, and it is not a setting"
            advice = did_you_mean(key, (*plan.hyperparameters, *PLAN_SETTINGS))
            yield Mistake("unknown-setting", message, advice, place=key)
        elif isinstance(base, Mapping):
            for group in base:
                if group not in (groups or ()):
                    message = f"there is no group {quoted(group)}"
                    yield Mistake(
                        "groups", message, did_you_mean(str(group), groups or ()), place=key
                    )
            for group, number in base.items():
                yield from _wrong_base(f"{key}.{group}", number)
        else:
            yield from _wrong_base(key, base)


def _wrong_base(place: str, base: Any) -> Iterator[Mistake]:
    try:
        is_right = base is None or 0 <= float(base) < float("inf")
    except (TypeError, ValueError):
        is_right = False
    if not is_right or isinstance(base, bool):
        message = f"a base must be a number of at least 0, not {quoted(base)}"
        yield Mistake("out-of-range", message, place=place)
