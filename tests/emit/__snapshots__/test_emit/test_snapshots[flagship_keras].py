"""The learning-rate schedule `warmup linear 10 -> cosine 90 min=1e-4`, with lr=0.1."""

from keras.optimizers.schedules import CosineDecay, LearningRateSchedule


def build_schedule() -> LearningRateSchedule:
    """The learning rate over the steps of the optimizer.

    One step is an optimizer update. The base rate is 0.1. The schedule is 100 steps long, then the
    last rate holds.
    """
    # warmup linear 10 -> cosine 90 min=1e-4
    return CosineDecay(
        initial_learning_rate=1e-4,
        decay_steps=90,
        alpha=0.001,
        warmup_target=0.1,
        warmup_steps=10,
    )
