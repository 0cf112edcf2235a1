"""The learning-rate schedule `warmup linear 5ep from=0 skip=1st -> hold until 5ep -> cosine 95ep
min=1% every=1ep`, with lr=0.001, steps_per_epoch=100.
"""

import math


def learning_rate(step: int) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is one optimizer update. The base rate is 0.001. The schedule is 10,000 steps long,
    then the last rate holds.
    """
    if step < 499:  # warmup linear 5ep from=0 skip=1st
        progress = (step + 1) / 500
        return 0.001 * progress
    if step < 500:  # hold until 5ep
        return 0.001
    if step < 10_000:  # cosine 95ep min=1% every=1ep
        progress = (step - 500) // 100 / 95
        return 1e-5 + (0.001 - 1e-5) * (1 + math.cos(math.pi * progress)) / 2
    return 1e-5
