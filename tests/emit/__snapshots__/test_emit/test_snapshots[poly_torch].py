"""The learning-rate schedule `warmup cosine 10 -> poly 90 min=1e-4 power=2`, with lr=0.1."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def _learning_rate(step: int) -> float:
    """The learning rate after `step` steps."""
    if step < 10:  # warmup cosine 10
        progress = step / 10
        return 1e-4 + (0.1 - 1e-4) * (1 - math.cos(math.pi * progress)) / 2
    if step < 100:  # poly 90 min=1e-4 power=2
        progress = (step - 10) / 90
        return 1e-4 + (0.1 - 1e-4) * (1 - progress) ** 2
    return 1e-4


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1, the
    `lr` of every parameter group. The schedule is 100 steps long, then the last rate holds.
    """
    base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    for i, rate in enumerate(base_rates):
        if not math.isclose(rate, 0.1, rel_tol=1e-6):
            raise ValueError(f"parameter group {i} has lr={rate}: this schedule is for lr=0.1")
    # LambdaLR multiplies the base rate, which is 0.1.
    return LambdaLR(optimizer, lambda step: _learning_rate(step) / 0.1)
