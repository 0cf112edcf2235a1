"""The learning-rate schedule `warmup linear 10 -> cosine 90 min=1e-4`, with lr=0.1."""

import math


def learning_rate(step: int) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1. The
    schedule is 100 steps long, then the last rate holds.
    """
    if step < 10:  # warmup linear 10
        progress = step / 10
        return 1e-4 + (0.1 - 1e-4) * progress
    if step < 100:  # cosine 90 min=1e-4
        progress = (step - 10) / 90
        return 1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * progress)) / 2
    return 1e-4
