"""The learning-rate schedule `warmup linear 10 -> cosine 90 min=1e-4`, with lr=0.1."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
)


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1, the
    `lr` of every parameter group. The schedule is 100 steps long, then the last rate holds.
    """
    base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    for i, rate in enumerate(base_rates):
        if not math.isclose(rate, 0.1, rel_tol=1e-6):
            raise ValueError(f"parameter group {i} has lr={rate}: this schedule is for lr=0.1")
    return SequentialLR(
        optimizer,
        [
            # warmup linear 10
            LinearLR(optimizer, start_factor=0.001, total_iters=10),
            # cosine 90 min=1e-4
            CosineAnnealingLR(optimizer, T_max=90, eta_min=1e-4),
            # the end holds
            LambdaLR(optimizer, lambda step: 0.001),
        ],
        milestones=[10, 100],
    )
