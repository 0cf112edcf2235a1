"""The learning-rate schedule `warmup linear 4000 from=0 -> inverse_sqrt`."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def _share(step: int) -> float:
    """The share of the base rate after `step` steps."""
    if step < 4000:  # warmup linear 4000 from=0
        return step / 4000
    # inverse_sqrt
    return 1 / math.sqrt(1 + (step - 4000) / 4000)


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is each
    parameter group's own `lr`. The schedule never ends.
    """
    return LambdaLR(optimizer, _share)
