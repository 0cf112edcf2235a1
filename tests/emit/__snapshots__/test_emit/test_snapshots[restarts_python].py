"""The learning-rate schedule `restarts first=10 mult=2 min=1e-4`, with lr=0.1."""

import math
from bisect import bisect_right

_BEGINS = [10 * (2**i - 1) for i in range(50)]


def learning_rate(step: int) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1. The
    schedule never ends.
    """
    # restarts first=10 mult=2 min=1e-4
    reached = bisect_right(_BEGINS, step) - 1
    progress = (step - _BEGINS[reached]) / (10 * 2.0**reached)
    return 1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * progress)) / 2
