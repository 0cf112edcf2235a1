"""The plan of `lr`, `weight_decay`, `beta1`."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def learning_rate(step: ArrayLike, lr: float) -> jax.Array:
    """The `lr` that the update after `step` updates uses.

    `warmup linear 5 -> cosine 45`

    One step is an optimizer update. The base is the parameter `lr`. The schedule is 50 steps long,
    then the last value holds.
    """
    # warmup linear 5 -> cosine 45
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.001 * lr,
        peak_value=lr,
        warmup_steps=5,
        decay_steps=50,
    )
    return jnp.asarray(schedule(step))


def weight_decay(step: ArrayLike) -> jax.Array:
    """The `weight_decay` that the update after `step` updates uses.

    `linear 50 to=10x`

    One step is an optimizer update. The base is 0.04. The schedule is 50 steps long, then the last
    value holds.
    """
    # linear 50 to=10x
    schedule = optax.linear_schedule(init_value=0.04, end_value=0.4, transition_steps=50)
    return jnp.asarray(schedule(step))


def b1(step: ArrayLike, base: float) -> jax.Array:
    """The `beta1` that the update after `step` updates uses.

    `(linear 20 to=95%) * (exp gamma=0.999)`

    One step is an optimizer update. The base is the parameter `base`. The schedule never ends.
    """
    step = jnp.asarray(step)
    # linear 20 to=95%
    progress = step / 20
    rate = base * (1 + (0.95 - 1) * progress)
    # the end holds
    rate = jnp.where(step < 20, rate, 0.95 * base)
    # exp gamma=0.999
    factor = 0.999 ** step.astype(float)
    return rate * factor
