"""The learning-rate schedule `(linear 10 from=50% to=1x) * (exp gamma=0.9)`."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def _rate(step: int) -> float:
    if step < 10:  # linear 10 from=50% to=1x
        progress = step / 10
        return 0.5 + (1 - 0.5) * progress
    return 1.0


def _factor(step: int) -> float:
    # exp gamma=0.9
    return 0.9**step


def _share(step: int) -> float:
    """The share of the base rate after `step` steps."""
    return _rate(step) * _factor(step)


def build_scheduler(optimizer: Optimizer) -> LRScheduler:
    """The scheduler of an optimizer: call its `step()` after each step of the training.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is each
    parameter group's own `lr`. The schedule never ends.
    """
    return LambdaLR(optimizer, _share)
