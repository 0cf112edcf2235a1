"""A plan as source code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from schedlang import emit
from schedlang.emit.plan import EmittedLine
from schedlang.emit.plan import emit as emit_plan
from schedlang.errors import Mistake, ScheduleError
from schedlang.plan.arrays import refuse_groups
from schedlang.plan.binding import FROZEN_AT_ZERO, bind, by_line
from schedlang.targets import Target

if TYPE_CHECKING:
    from schedlang.plan.model import Plan
    from schedlang.program.program import Program


def to_source(
    plan: Plan,
    target: Target,
    groups: Sequence[str] | None,
    given: Mapping[str, Any],
    *,
    style: Literal["native", "closed-form"],
    gradient_accumulation_steps: int,
) -> str:
    """The source of a plan; see `Plan.emit`."""
    emit.check(target, style, gradient_accumulation_steps)
    if target == "keras":
        refuse_groups(plan)
    if groups is not None and target in {"torch", "keras"}:
        has = "reads the groups of the optimizer" if target == "torch" else "has no groups"
        message = f"{target} {has}, and `groups` are given"
        raise ScheduleError([Mistake("does-not-apply", message, "leave groups= out")])
    if groups is not None:
        bound = bind(plan, groups, given, symbolic=True)
        lines = list(_by_group(plan, groups, bound))
    else:
        lines = _by_line(plan, given)
    if groups is None and plan.only_line is not None:
        (line,) = lines
        return emit.emit(target, line.program, None, style, gradient_accumulation_steps)
    return emit_plan(target, lines, style, gradient_accumulation_steps)


def _by_group(plan: Plan, groups: Sequence[str], bound: Mapping[str, Any]) -> list[EmittedLine]:
    """A line for each hyperparameter and group, and for each value."""
    numbers = [
        _line(key, group, bound[key][group]) for key in plan.hyperparameters for group in groups
    ]
    values = [str(line.pattern) for line in plan.lines if line.is_value]
    return numbers + [EmittedLine(name, None, bound[name], is_value=True) for name in values]


def _by_line(plan: Plan, given: Mapping[str, Any]) -> list[EmittedLine]:
    """The lines as written, with their patterns."""
    return [
        EmittedLine(str(line.pattern), None, program, is_value=True)
        if line.is_value
        else _line(line.key, line.pattern, program)
        for line, program in by_line(plan, given, symbolic=None)
    ]


def _line(key: str, group: str | int | None, program: Program) -> EmittedLine:
    return EmittedLine(key, group, program, zero_is_frozen=key in FROZEN_AT_ZERO)
