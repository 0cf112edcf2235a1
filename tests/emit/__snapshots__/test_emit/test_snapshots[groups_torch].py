"""The learning-rate schedule `warmup linear 5 -> hold 20 to=0.003 -> decay sqrt 20 min=1%`."""

import math
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, SequentialLR


def _hold_share(step: int, lr: float) -> float:
    """The share of the base rate, `step` steps into `hold 20 to=0.003`."""
    return 0.003 / lr


def _sqrt_share(step: int, lr: float) -> float:
    """The share of the base rate, `step` steps into `decay sqrt 20 min=1%`."""
    progress = step / 20
    return (0.003 + (0.01 * lr - 0.003) * math.sqrt(progress)) / lr


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is each
    parameter group's own `lr`. The schedule is 45 steps long, then the last rate holds.
    """
    base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    if not all(base_rates):
        raise ValueError("an absolute level cannot apply to a parameter group at rate 0")
    return SequentialLR(
        optimizer,
        [
            # warmup linear 5
            LinearLR(optimizer, start_factor=0.001, total_iters=5),
            # hold 20 to=0.003
            LambdaLR(optimizer, [partial(_hold_share, lr=lr) for lr in base_rates]),
            # decay sqrt 20 min=1%
            LambdaLR(optimizer, [partial(_sqrt_share, lr=lr) for lr in base_rates]),
            # the end holds
            LambdaLR(optimizer, lambda step: 0.01),
        ],
        milestones=[5, 25, 45],
    )
