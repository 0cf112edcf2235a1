"""PyTorch: schedulers on an optimizer, as a chain of PyTorch's own or as one of ours."""

from __future__ import annotations

from typing import Literal

from torch.optim import Optimizer

from schedlang.program import Program
from schedlang.torch import chain
from schedlang.torch.chain import Chain
from schedlang.torch.fused import Fused
from schedlang.torch.groups import base_rates
from schedlang.torch.momentum import check_momentum
from schedlang.torch.recording import Difference, record, resume_report
from schedlang.torch.state import Bound

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
) -> Bound:
    """The scheduler of a program on an optimizer.

    Args:
        program: bound to the base rate of the optimizer's first group.
        optimizer: any optimizer of PyTorch's kind.
        engine: see `schedlang.Schedule.to_torch`.
        start: the tick to begin at.

    Raises:
        ValueError: if the engine or the optimizer cannot do it, naming the phase.
    """
    if engine not in {"auto", "chain", "fused"}:
        raise ValueError(f"engine is one of auto, chain, fused: {engine!r}")
    if start < 0:
        raise ValueError(f"a tick is at least 0, not {start}")
    check_momentum(program, optimizer)
    reason = None if engine == "fused" else chain.refusal(program, optimizer)
    if engine == "chain" and reason is not None:
        raise ValueError(reason)
    if engine == "fused" or reason is not None:
        return Fused(program, optimizer, start)
    return chain.build(program, optimizer, start)
