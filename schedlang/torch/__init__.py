"""PyTorch: schedulers on an optimizer, as a chain of PyTorch's own or as one of ours."""

from __future__ import annotations

import operator
from typing import Literal

from torch.optim import Optimizer

from schedlang.program.program import Program
from schedlang.torch import chain
from schedlang.torch.chain import Chain
from schedlang.torch.fused import Fused
from schedlang.torch.groups import base_rates, stale_base
from schedlang.torch.momentum import check_momentum
from schedlang.torch.pace import watch_pace
from schedlang.torch.recording import Difference, record, resume_report
from schedlang.torch.state import Bound, OnMismatch, check_choice

__all__ = [
    "Bound",
    "Chain",
    "Difference",
    "Fused",
    "base_rates",
    "build",
    "record",
    "resume_report",
]


def build(
    program: Program,
    optimizer: Optimizer,
    *,
    engine: Literal["auto", "chain", "fused"] = "auto",
    start: int = 0,
    on_mismatch: OnMismatch = "raise",
) -> Bound:
    """The scheduler of a program on an optimizer.

    Args:
        program: bound to the base rate of the optimizer's first group.
        optimizer: any optimizer of PyTorch's kind.
        engine: see `schedlang.Schedule.to_torch`.
        start: the tick to begin at.
        on_mismatch: what `load_state_dict` keeps of a state of another schedule by default.

    Raises:
        ValueError: if the engine or the optimizer cannot do it, naming the phase.
    """
    if engine not in {"auto", "chain", "fused"}:
        raise ValueError(f"engine is one of auto, chain, fused: {engine!r}")
    start = operator.index(start)
    if start < 0:
        raise ValueError(f"a tick is at least 0, not {start}")
    check_choice(on_mismatch)
    check_momentum(program, optimizer)
    reason = None if engine == "fused" else chain.refusal(program, optimizer)
    if engine == "chain" and reason is not None:
        raise ValueError(reason)
    stale = stale_base(optimizer.param_groups)
    scheduler: Bound
    if engine == "fused" or reason is not None:
        scheduler = Fused(program, optimizer)
    else:
        scheduler = chain.build(program, optimizer)
    scheduler.begin(start, on_mismatch, stale)
    watch_pace(scheduler, optimizer)
    return scheduler
