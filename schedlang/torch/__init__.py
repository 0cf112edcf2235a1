"""PyTorch: schedulers on an optimizer, as a chain of PyTorch's own or as one fused scheduler."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Literal

from torch.optim import Optimizer

from schedlang.program.program import Program
from schedlang.torch import chain
from schedlang.torch.assignments import Assignment
from schedlang.torch.chain import Chain
from schedlang.torch.fused import Fused
from schedlang.torch.groups import Slot, base_rates, name_of, numbers_of, slot_of
from schedlang.torch.momentum import check_momentum
from schedlang.torch.pace import watch_pace
from schedlang.torch.recording import Difference, record, resume_report
from schedlang.torch.scheduler import BoundScheduler, OnMismatch, check_choice
from schedlang.torch.watch import quiet

__all__ = [
    "Assignment",
    "BoundScheduler",
    "Chain",
    "Difference",
    "Fused",
    "OnMismatch",
    "Slot",
    "base_rates",
    "build",
    "build_plan",
    "name_of",
    "numbers_of",
    "quiet",
    "record",
    "resume_report",
    "slot_of",
]


def build(
    program: Program,
    optimizer: Optimizer,
    *,
    engine: Literal["auto", "chain", "fused"] = "auto",
    start: int = 0,
    on_mismatch: OnMismatch = "raise",
) -> BoundScheduler:
    """The scheduler of a program on an optimizer.

    Args:
        program: bound to the base rate of the optimizer's first group.
        optimizer: any PyTorch optimizer.
        engine: see `schedlang.Schedule.to_torch`.
        start: the tick to begin at.
        on_mismatch: the default of `load_state_dict` for a state of another schedule.

    Raises:
        ValueError: if the engine or the optimizer does not support a phase, which is named.
    """
    check_engine(engine)
    start = _checked(start, on_mismatch)
    check_momentum(program, optimizer)
    reason = None if engine == "fused" else chain.refusal(program, optimizer)
    if engine == "chain" and reason is not None:
        raise ValueError(reason)
    line = Assignment.of_line(program, base_rates(optimizer))
    stale = line.stale(optimizer.param_groups)
    scheduler: BoundScheduler
    if engine == "fused" or reason is not None:
        scheduler = Fused([line], (), optimizer)
    else:
        scheduler = chain.build(program, line, optimizer)
    scheduler.total = _total([program])
    scheduler.begin(start, on_mismatch, stale)
    watch_pace(scheduler, optimizer, program, scheduler.total)
    return scheduler


def build_plan(
    assignments: Sequence[Assignment],
    values: Sequence[Assignment],
    programs: Sequence[Program],
    optimizer: Optimizer,
    *,
    start: int = 0,
    on_mismatch: OnMismatch = "raise",
) -> Fused:
    """The scheduler of a plan on an optimizer.

    Args:
        assignments: the lines with the parameter groups that they match.
        values: the lines of `values`, which belong to no optimizer.
        programs: the programs of all lines.
        optimizer: any PyTorch optimizer.
        start: the tick to begin at.
        on_mismatch: the default of `load_state_dict` for a state of another plan.

    Raises:
        ValueError: if a line changes the momentum, and the optimizer has none.
    """
    start = _checked(start, on_mismatch)
    for program in programs:
        check_momentum(program, optimizer)
    stale = (assignment.stale(optimizer.param_groups) for assignment in assignments)
    warning = next((found for found in stale if found), None)
    scheduler = Fused(assignments, values, optimizer)
    scheduler.total = _total(programs)
    scheduler.begin(start, on_mismatch, warning)
    each = zip(assignments, programs, strict=False)  # the values come last, and are not rates
    ends = [program.length for assignment, program in each if assignment.key == "lr"]
    end = None if None in ends else max(filter(None, ends), default=None)
    watch_pace(
        scheduler, optimizer, programs[0], end if scheduler.total is None else scheduler.total
    )
    return scheduler


def _total(programs: Sequence[Program]) -> int | None:
    """The total in ticks, or without one the greatest length; None if a program never ends."""
    lengths = [program.length for program in programs]
    known = [length for length in lengths if length is not None]
    total = programs[0].total
    return max(known) if total is None and len(known) == len(lengths) else total


def check_engine(engine: str) -> None:
    """Raise an error for an unknown engine.

    Raises:
        ValueError: with the valid engines.
    """
    if engine not in {"auto", "chain", "fused"}:
        raise ValueError(f"engine must be one of auto, chain, fused, not {engine!r}")


def _checked(start: int, on_mismatch: str) -> int:
    start = operator.index(start)
    if start < 0:
        raise ValueError(f"a tick must be at least 0, not {start}")
    check_choice(on_mismatch)
    return start
