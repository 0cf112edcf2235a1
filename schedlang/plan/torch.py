"""A plan on a PyTorch optimizer: assigns lines to the numbers of the parameter groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from schedlang.errors import Mistake, did_you_mean, quoted
from schedlang.plan.binding import FROZEN_AT_ZERO, Binder, by_group, lines_of

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from schedlang.plan.model import Plan
    from schedlang.program.program import Program
    from schedlang.torch import Assignment, OnMismatch, Slot


def build(
    plan: Plan,
    optimizer: Optimizer,
    given: Mapping[str, Any],
    *,
    lr: float | None,
    engine: Literal["auto", "chain", "fused"],
    start: int,
    on_mismatch: OnMismatch,
    later: Sequence[str],
) -> LRScheduler:
    """The scheduler of a plan; see `Plan.to_torch`."""
    from schedlang import torch

    binder = Binder(plan, given)
    if (line := plan.only_line) is not None and not later:
        schedule = binder.as_written(line)
        return schedule.to_torch(
            optimizer, engine=engine, start=start, on_mismatch=on_mismatch, lr=lr, **given
        )
    torch.check_engine(engine)
    if engine == "chain":
        raise ValueError(
            "PyTorch's own classes set only the rate, by one line for all groups: this plan needs "
            'engine="fused"'
        )
    groups = optimizer.param_groups
    names = [torch.name_of(group) for group in groups]
    binder.found += _wrong_later(plan, later)
    assignments: list[Assignment] = []
    programs: list[Program] = []
    slots: dict[Slot, str] = {}
    for key in plan.hyperparameters:
        slot = _slot(key, groups, slots, binder.found)
        lines = lines_of(plan, key)
        chosen, found = by_group(lines, names, later)
        binder.found += found
        if slot is None:
            continue
        for line in lines:
            members = [i for i, each in enumerate(chosen) if each is line]
            bases = {i: slot.base(groups[i]) for i in members}
            labelled = {f"group {i}": base for i, base in bases.items()}
            base = lr if key == "lr" else None
            program = binder.bind(line, base, groups=labelled or None, symbolic=not bases)
            if program is not None:
                programs.append(program)
                frozen = key in FROZEN_AT_ZERO
                assignment = torch.Assignment.of(
                    program, key, line.pattern, slot, bases, zero_is_frozen=frozen
                )
                assignments.append(assignment)
    values = []
    for line in lines_of(plan, "values"):
        program = binder.bind(line)
        if program is not None:
            programs.append(program)
            bases = {0: program.base or 1.0}
            values.append(torch.Assignment.of(program, line.key, line.pattern, None, bases))
    binder.finish()
    return torch.build_plan(
        assignments, values, programs, optimizer, start=start, on_mismatch=on_mismatch
    )


def _slot(
    key: str, groups: Sequence[dict[str, Any]], slots: dict[Slot, str], found: list[Mistake]
) -> Slot | None:
    """The slot of a hyperparameter in the groups; a group without it is a mistake."""
    from schedlang import torch

    slot = torch.slot_of(key, groups[0])
    for i, group in enumerate(groups):
        if torch.slot_of(key, group) is None or torch.slot_of(key, group) != slot:
            name = torch.name_of(group)
            which = f"group {i} `{name}`" if name else f"group {i}"
            numbers = torch.numbers_of(group)
            close = did_you_mean(key, numbers)
            advice = close if close.startswith("did") else f"it has {', '.join(numbers)}"
            message = f"parameter {which} has no number called {quoted(key)}"
            found.append(Mistake("unknown-name", message, advice, place=key))
            return None
    assert slot is not None
    if slot in slots:
        message = f"`{slots[slot]}` and `{key}` are the same number of this optimizer"
        found.append(Mistake("double-argument", message, "write one of them", place=key))
        return None
    slots[slot] = key
    return slot


def _wrong_later(plan: Plan, later: Sequence[str]) -> list[Mistake]:
    patterns = {line.pattern for line in plan.lines if not line.is_value} - {None}
    if isinstance(later, str):
        message = f'`later` is a sequence of patterns: later=("{later}",)'
        return [Mistake("wrong-type", message, place="later")]
    return [
        Mistake(
            "groups",
            f"the plan has no pattern {quoted(pattern)}",
            did_you_mean(str(pattern), map(str, patterns)),
            place="later",
        )
        for pattern in later
        if pattern not in patterns
    ]
