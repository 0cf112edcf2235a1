"""The plan of `lr`, `weight_decay`, `momentum`, `teacher_momentum`."""

import math


def learning_rate_backbone(step: int, lr: float) -> float:
    """The `lr` of `backbone*` that the update after `step` updates uses.

    `total=50 | hold 5 to=0 -> warmup linear 5 -> cosine rest min=1%`

    One step is an optimizer update or an epoch, whichever is counted. The base is the parameter
    `lr`. The schedule is 50 steps long, then the last value holds.
    """
    if step < 5:  # hold 5 to=0
        return 0.0
    if step < 10:  # warmup linear 5
        progress = (step - 5) / 5
        return lr * progress
    if step < 50:  # cosine rest min=1%
        progress = (step - 10) / 40
        return lr * (0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2)
    return 0.01 * lr


def learning_rate(step: int, lr: float) -> float:
    """The `lr` of `*` that the update after `step` updates uses.

    `total=50 | warmup linear 5 -> cosine rest min=1%`

    One step is an optimizer update or an epoch, whichever is counted. The base is the parameter
    `lr`. The schedule is 50 steps long, then the last value holds.
    """
    if step < 5:  # warmup linear 5
        progress = step / 5
        return lr * (0.001 + (1 - 0.001) * progress)
    if step < 50:  # cosine rest min=1%
        progress = (step - 5) / 45
        return lr * (0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2)
    return 0.01 * lr


def weight_decay(step: int, base: float) -> float:
    """The `weight_decay` that the update after `step` updates uses.

    `total=50 | cosine 100% to=10x`

    One step is an optimizer update or an epoch, whichever is counted. The base is the parameter
    `base`. The schedule is 50 steps long, then the last value holds.
    """
    if step < 50:  # cosine 100% to=10x
        progress = step / 50
        return base * (1 + (10 - 1) * (1 - math.cos(math.pi * progress)) / 2)
    return 10 * base


def momentum(step: int) -> float:
    """The `momentum` that the update after `step` updates uses.

    `total=50 | warmup linear 3 from=0.8 to=0.937 -> hold`

    One step is an optimizer update or an epoch, whichever is counted. The values are absolute, and
    need no base. The schedule never ends.
    """
    if step < 3:  # warmup linear 3 from=0.8 to=0.937
        progress = step / 3
        return 0.8 + (0.937 - 0.8) * progress
    # hold
    return 0.937


def teacher_momentum(step: int) -> float:
    """The value `teacher_momentum` after `step` updates.

    `total=50 | cosine 100% from=0.996 to=1`

    One step is an optimizer update or an epoch, whichever is counted. The values are absolute, and
    need no base. The schedule is 50 steps long, then the last value holds.
    """
    if step < 50:  # cosine 100% from=0.996 to=1
        progress = step / 50
        return 0.996 + (1 - 0.996) * (1 - math.cos(math.pi * progress)) / 2
    return 1.0
