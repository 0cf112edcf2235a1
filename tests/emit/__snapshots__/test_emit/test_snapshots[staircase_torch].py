"""The learning-rate schedule `warmup linear 5ep from=0 skip=1st -> hold until 5ep -> cosine 95ep
min=1% every=1ep`, with steps_per_epoch=100.
"""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler, SequentialLR


def _cosine_share(step: int) -> float:
    """The share of the base rate, `step` steps into `cosine 95ep min=1% every=1ep`."""
    progress = step // 100 / 95
    return 0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is one optimizer update. The base rate is each parameter group's own `lr`. The schedule
    is 10,000 steps long, then the last rate holds.
    """
    return SequentialLR(
        optimizer,
        [
            # warmup linear 5ep from=0 skip=1st
            LambdaLR(optimizer, lambda step: (step + 1) / 500),
            # hold until 5ep
            ConstantLR(optimizer, factor=1.0, total_iters=1),
            # cosine 95ep min=1% every=1ep
            LambdaLR(optimizer, _cosine_share),
            # the end holds
            LambdaLR(optimizer, lambda step: 0.01),
        ],
        milestones=[499, 500, 10_000],
    )
