"""The learning-rate schedule `warmup linear 10 -> cosine 90 min=1e-4`, with lr=0.1."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def learning_rate(step: ArrayLike) -> jax.Array:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update. The base rate is 0.1. The schedule is 100 steps long, then the
    last rate holds.
    """
    # warmup linear 10 -> cosine 90 min=1e-4
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=1e-4,
        peak_value=0.1,
        warmup_steps=10,
        decay_steps=100,
        end_value=1e-4,
    )
    return jnp.asarray(schedule(step))
