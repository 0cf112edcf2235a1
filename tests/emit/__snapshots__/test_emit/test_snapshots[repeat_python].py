"""The learning-rate schedule `(linear 10 from=1x to=0.1x -> hold 5) x 100`, with lr=0.1."""


def learning_rate(step: int) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1. The
    schedule is 1,500 steps long, then the last rate holds.
    """
    if step < 1500:  # 100 rounds of 15
        tick = step % 15
        if tick < 10:  # linear 10 from=1x to=0.1x
            progress = tick / 10
            return 0.1 + (0.01 - 0.1) * progress
        # hold 5
        return 0.01
    return 0.01
