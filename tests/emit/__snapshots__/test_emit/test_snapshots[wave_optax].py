"""The learning-rate schedule `(cosine 20 min=1% -> cosine 20 to=1x) x inf`."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def _cosine_phase(step: ArrayLike, lr: float) -> jax.Array:
    """The rate `step` steps into `cosine 20 to=1x`."""
    step = jnp.asarray(step)
    progress = step / 20
    return lr * (0.01 + (1 - 0.01) * (1 - jnp.cos(jnp.pi * progress)) / 2)


def learning_rate(step: ArrayLike, lr: float) -> jax.Array:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update. The base rate is the parameter `lr`. The schedule never ends.
    """
    schedule = optax.join_schedules(
        [
            # cosine 20 min=1%
            optax.cosine_decay_schedule(init_value=lr, decay_steps=20, alpha=0.01),
            # cosine 20 to=1x
            lambda step: _cosine_phase(step, lr),
        ],
        boundaries=[20],
    )
    return jnp.asarray(schedule(jnp.asarray(step) % 40))
