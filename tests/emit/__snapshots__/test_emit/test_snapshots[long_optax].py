"""The learning-rate schedule `cosine 10 to=3% -> linear 10 to=40% -> cosine 10 to=77% -> linear
10 to=17% -> cosine 10 to=54% -> linear 10 to=91% -> cosine 10 to=31% -> linear 10 to=68% ->
cosine 10 to=8% -> linear 10 to=45% -> cosine 10 to=82% -> linear 10 to=22% -> cosine 10
to=59% -> linear 10 to=96% -> cosine 10 to=36% -> linear 10 to=73% -> cosine 10 to=13% ->
linear 10 to=50% -> cosine 10 to=87% -> linear 10 to=27% -> cosine 10 to=64% -> linear 10
to=4% -> cosine 10 to=41% -> linear 10 to=78% -> cosine 10 to=18% -> linear 10 to=55% ->
cosine 10 to=92% -> linear 10 to=32% -> cosine 10 to=69% -> linear 10 to=9% -> ...`.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def learning_rate(step: ArrayLike, lr: float) -> jax.Array:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update. The base rate is the parameter `lr`. The schedule is 420 steps
    long, then the last rate holds.
    """
    step = jnp.asarray(step)
    # cosine 10 to=3%
    progress = step / 10
    rate = lr * (0.03 + (1 - 0.03) * (1 + jnp.cos(jnp.pi * progress)) / 2)
    # linear 10 to=40%
    progress = (step - 10) / 10
    rate = jnp.where(step < 10, rate, lr * (0.03 + (0.4 - 0.03) * progress))
    # cosine 10 to=77%
    progress = (step - 20) / 10
    rate = jnp.where(
        step < 20,
        rate,
        lr * (0.4 + (0.77 - 0.4) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=17%
    progress = (step - 30) / 10
    rate = jnp.where(step < 30, rate, lr * (0.77 + (0.17 - 0.77) * progress))
    # cosine 10 to=54%
    progress = (step - 40) / 10
    rate = jnp.where(
        step < 40,
        rate,
        lr * (0.17 + (0.54 - 0.17) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=91%
    progress = (step - 50) / 10
    rate = jnp.where(step < 50, rate, lr * (0.54 + (0.91 - 0.54) * progress))
    # cosine 10 to=31%
    progress = (step - 60) / 10
    rate = jnp.where(
        step < 60,
        rate,
        lr * (0.31 + (0.91 - 0.31) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=68%
    progress = (step - 70) / 10
    rate = jnp.where(step < 70, rate, lr * (0.31 + (0.68 - 0.31) * progress))
    # cosine 10 to=8%
    progress = (step - 80) / 10
    rate = jnp.where(
        step < 80,
        rate,
        lr * (0.08 + (0.68 - 0.08) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=45%
    progress = (step - 90) / 10
    rate = jnp.where(step < 90, rate, lr * (0.08 + (0.45 - 0.08) * progress))
    # cosine 10 to=82%
    progress = (step - 100) / 10
    rate = jnp.where(
        step < 100,
        rate,
        lr * (0.45 + (0.82 - 0.45) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=22%
    progress = (step - 110) / 10
    rate = jnp.where(step < 110, rate, lr * (0.82 + (0.22 - 0.82) * progress))
    # cosine 10 to=59%
    progress = (step - 120) / 10
    rate = jnp.where(
        step < 120,
        rate,
        lr * (0.22 + (0.59 - 0.22) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=96%
    progress = (step - 130) / 10
    rate = jnp.where(step < 130, rate, lr * (0.59 + (0.96 - 0.59) * progress))
    # cosine 10 to=36%
    progress = (step - 140) / 10
    rate = jnp.where(
        step < 140,
        rate,
        lr * (0.36 + (0.96 - 0.36) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=73%
    progress = (step - 150) / 10
    rate = jnp.where(step < 150, rate, lr * (0.36 + (0.73 - 0.36) * progress))
    # cosine 10 to=13%
    progress = (step - 160) / 10
    rate = jnp.where(
        step < 160,
        rate,
        lr * (0.13 + (0.73 - 0.13) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=50%
    progress = (step - 170) / 10
    rate = jnp.where(step < 170, rate, lr * (0.13 + (0.5 - 0.13) * progress))
    # cosine 10 to=87%
    progress = (step - 180) / 10
    rate = jnp.where(
        step < 180,
        rate,
        lr * (0.5 + (0.87 - 0.5) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=27%
    progress = (step - 190) / 10
    rate = jnp.where(step < 190, rate, lr * (0.87 + (0.27 - 0.87) * progress))
    # cosine 10 to=64%
    progress = (step - 200) / 10
    rate = jnp.where(
        step < 200,
        rate,
        lr * (0.27 + (0.64 - 0.27) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=4%
    progress = (step - 210) / 10
    rate = jnp.where(step < 210, rate, lr * (0.64 + (0.04 - 0.64) * progress))
    # cosine 10 to=41%
    progress = (step - 220) / 10
    rate = jnp.where(
        step < 220,
        rate,
        lr * (0.04 + (0.41 - 0.04) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=78%
    progress = (step - 230) / 10
    rate = jnp.where(step < 230, rate, lr * (0.41 + (0.78 - 0.41) * progress))
    # cosine 10 to=18%
    progress = (step - 240) / 10
    rate = jnp.where(
        step < 240,
        rate,
        lr * (0.18 + (0.78 - 0.18) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=55%
    progress = (step - 250) / 10
    rate = jnp.where(step < 250, rate, lr * (0.18 + (0.55 - 0.18) * progress))
    # cosine 10 to=92%
    progress = (step - 260) / 10
    rate = jnp.where(
        step < 260,
        rate,
        lr * (0.55 + (0.92 - 0.55) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=32%
    progress = (step - 270) / 10
    rate = jnp.where(step < 270, rate, lr * (0.92 + (0.32 - 0.92) * progress))
    # cosine 10 to=69%
    progress = (step - 280) / 10
    rate = jnp.where(
        step < 280,
        rate,
        lr * (0.32 + (0.69 - 0.32) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=9%
    progress = (step - 290) / 10
    rate = jnp.where(step < 290, rate, lr * (0.69 + (0.09 - 0.69) * progress))
    # cosine 10 to=46%
    progress = (step - 300) / 10
    rate = jnp.where(
        step < 300,
        rate,
        lr * (0.09 + (0.46 - 0.09) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=83%
    progress = (step - 310) / 10
    rate = jnp.where(step < 310, rate, lr * (0.46 + (0.83 - 0.46) * progress))
    # cosine 10 to=23%
    progress = (step - 320) / 10
    rate = jnp.where(
        step < 320,
        rate,
        lr * (0.23 + (0.83 - 0.23) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=60%
    progress = (step - 330) / 10
    rate = jnp.where(step < 330, rate, lr * (0.23 + (0.6 - 0.23) * progress))
    # cosine 10 to=97%
    progress = (step - 340) / 10
    rate = jnp.where(
        step < 340,
        rate,
        lr * (0.6 + (0.97 - 0.6) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=37%
    progress = (step - 350) / 10
    rate = jnp.where(step < 350, rate, lr * (0.97 + (0.37 - 0.97) * progress))
    # cosine 10 to=74%
    progress = (step - 360) / 10
    rate = jnp.where(
        step < 360,
        rate,
        lr * (0.37 + (0.74 - 0.37) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=14%
    progress = (step - 370) / 10
    rate = jnp.where(step < 370, rate, lr * (0.74 + (0.14 - 0.74) * progress))
    # cosine 10 to=51%
    progress = (step - 380) / 10
    rate = jnp.where(
        step < 380,
        rate,
        lr * (0.14 + (0.51 - 0.14) * (1 - jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=88%
    progress = (step - 390) / 10
    rate = jnp.where(step < 390, rate, lr * (0.51 + (0.88 - 0.51) * progress))
    # cosine 10 to=28%
    progress = (step - 400) / 10
    rate = jnp.where(
        step < 400,
        rate,
        lr * (0.28 + (0.88 - 0.28) * (1 + jnp.cos(jnp.pi * progress)) / 2),
    )
    # linear 10 to=65%
    progress = (step - 410) / 10
    rate = jnp.where(step < 410, rate, lr * (0.28 + (0.65 - 0.28) * progress))
    # the end holds
    return jnp.where(step < 420, rate, 0.65 * lr)
