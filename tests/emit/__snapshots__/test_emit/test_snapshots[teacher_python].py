"""The schedule `cosine 100% from=0.996 to=1`, with total=100k."""

import math


def learning_rate(step: int) -> float:
    """The value that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The values are absolute, and
    need no base rate. The schedule is 100,000 steps long, then the last value holds.
    """
    if step < 100_000:  # cosine 100% from=0.996 to=1
        progress = step / 100_000
        return 0.996 + (1 - 0.996) * (1 - math.cos(math.pi * progress)) / 2
    return 1.0
