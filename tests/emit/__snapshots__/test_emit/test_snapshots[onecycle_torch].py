"""The learning-rate schedule `onecycle 100 momentum=[0.85, 0.95]`, with lr=0.1."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, SequentialLR


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1, the
    `lr` of every parameter group. The schedule is 100 steps long, then the last rate holds.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("this schedule moves the momentum, and the optimizer has none")
    base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    for i, rate in enumerate(base_rates):
        if not math.isclose(rate, 0.1, rel_tol=1e-6):
            raise ValueError(f"parameter group {i} has lr={rate}: this schedule is for lr=0.1")
    # What holds the end comes first: OneCycleLR overwrites the base rates.
    end = LambdaLR(optimizer, lambda step: 4e-6)
    # onecycle 100 momentum=[0.85, 0.95]
    one_cycle = OneCycleLR(
        optimizer,
        max_lr=0.1,
        total_steps=100,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    return SequentialLR(optimizer, [one_cycle, end], milestones=[100])
