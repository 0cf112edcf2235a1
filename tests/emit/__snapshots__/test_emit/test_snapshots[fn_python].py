"""The learning-rate schedule `fn {1 / t if t > 0 else exp(-t)} * exp 99 gamma=1.5 * hold`."""

import math


def _rate(step: int, lr: float) -> float:
    if step < 1:  # fn {1 / t if t > 0 else exp(-t)}
        return lr * math.exp(-step)
    return lr / step


def _factor(step: int) -> float:
    if step < 99:  # exp 99 gamma=1.5
        return 1.5**step
    return 2.7104078502347683e17


def learning_rate(step: int, lr: float) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is the
    parameter `lr`. The schedule never ends.
    """
    return _rate(step, lr) * _factor(step)
