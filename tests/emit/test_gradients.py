"""Emitted optax schedules have finite gradients, in the phases before a root too."""

from __future__ import annotations

from typing import Any

import pytest

import schedlang
from schedlang.emit import Style

ROOTS = [
    ("hold 10 -> decay sqrt 20", {0, 10, 30}),
    ("hold 10 -> decay sqrt 20 -> warmup sqrt 20 from=0 -> hold 5", {0, 10, 30, 50}),
    ("warmup sqrt 10 from=0 -> poly 10 power=0.5 -> cosine 5 to=1x", {0, 10, 20, 25}),
    ("hold 3 -> sqrt 20 skip=4 to=1% -> inverse_sqrt timescale=7", {3, 19}),
    ("warmup 5 -> fn 20 {sqrt(1 - p)} -> hold 9", {5, 25}),
    ("warmup 5 -> fn 20 {(1 - p) ** 0.3} -> hold 9", {5, 25}),
    ("(hold 5 to=1x -> decay sqrt 20 -> linear 5 to=1x) x inf", {0, 5, 25, 30}),
    ("hold 5 -> fn 20 {1 + t * log(t + 1)} * exp gamma=0.99", {5, 25}),
]


@pytest.mark.parametrize("style", ["native", "closed-form"])
@pytest.mark.parametrize(("text", "edges"), ROOTS)
def test_gradients_are_finite(text: str, edges: set[int], style: Style) -> None:
    """At steps of floats, the edges of phases aside: there a curve may have none."""
    import jax
    import jax.numpy as jnp

    scope: dict[str, Any] = {}
    exec(schedlang.parse(text).emit("optax", lr=0.1, style=style), scope)  # our own source
    steps = jnp.asarray([tick / 2 for tick in range(100) if tick / 2 not in edges])
    slopes = jax.vmap(jax.grad(scope["learning_rate"]))(steps)
    infinite = [
        float(step) for step, slope in zip(steps, slopes, strict=True) if not jnp.isfinite(slope)
    ]
    assert infinite == []
    program = schedlang.parse(text).bind(lr=0.1)
    rates = jax.vmap(scope["learning_rate"])(jnp.arange(60))
    for tick, rate in enumerate(rates):
        assert float(rate) == pytest.approx(program.at(tick), rel=1e-5, abs=1e-8), tick
