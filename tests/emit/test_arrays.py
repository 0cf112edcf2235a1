"""Bodies of emitted functions of arrays, line by line."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pytest

import schedlang


class Body(NamedTuple):
    """A schedule, and the body of its function, less its docstring and its first line."""

    name: str
    target: Literal["optax", "keras"]
    text: str
    body: str


BODIES = [
    Body(
        "each phase counts from its begin on",
        "optax",
        "warmup 5 -> cosine 95 min=1e-4",
        """\
# warmup linear 5
progress = step / 5
rate = lr * (0.001 + (1 - 0.001) * progress)
# cosine 95 min=1e-4
progress = (step - 5) / 95
rate = jnp.where(step < 5, rate, 1e-4 + (lr - 1e-4) * jnp.cos(jnp.pi * progress / 2) ** 2)
# the end holds
return jnp.where(step < 100, rate, 1e-4)
""",
    ),
    Body(
        "what is left is counted backwards",
        "keras",
        "poly 50 power=2 -> sqrt 10 from=1x",
        """\
# poly 50 power=2
left = ops.cast(50 - step, "float32") / 50
rate = self.lr * left**2
# sqrt 10 from=1x
t = ops.cast(step - 50, "float32")
left = (10 - t) / 10
progress = t / 10
rate = ops.where(
    step < 50,
    rate,
    self.lr * left / (1 + ops.sqrt(ops.maximum(progress, 1e-37))),
)
# the end holds
return ops.where(step < 60, rate, 0.0)
""",
    ),
    Body(
        "the parts of a phase are chosen as phases are",
        "optax",
        "onecycle 91",
        """\
# onecycle 91
progress = step.astype(float) * 10 / 263
rate = lr * (0.04 + (1 - 0.04) * (1 - jnp.cos(jnp.pi * progress)) / 2)
progress = (step.astype(float) * 10 - 263) / 637
rate = jnp.where(
    step < 27,
    rate,
    lr * (4e-6 + (1 - 4e-6) * jnp.cos(jnp.pi * progress / 2) ** 2),
)
# the end holds
return jnp.where(step < 91, rate, 4e-6 * lr)
""",
    ),
    Body(
        "what overflows before its phase is kept in it",
        "optax",
        "hold 3000 -> exp gamma=0.9",
        """\
# hold 3000
rate = jnp.full_like(step, lr, dtype=float)
# exp gamma=0.9
return jnp.where(step < 3000, rate, lr * 0.9 ** jnp.maximum(step - 3000, 0).astype(float))
""",
    ),
    Body(
        "a repeat is a remainder",
        "optax",
        "(linear 10 from=1x to=0.1x -> hold 5) x 100 -> (cosine 5 from=1x) x inf",
        """\
# 100 rounds of 15
tick = step % 15
# linear 10 from=1x to=0.1x
progress = tick / 10
rate = lr * (1 + (0.1 - 1) * progress)
# hold 5
rate = jnp.where(tick < 10, rate, 0.1 * lr)
# rounds of 5
tick_2 = (step - 1500) % 5
# cosine 5 from=1x
progress = tick_2 / 5
return jnp.where(step < 1500, rate, lr * jnp.cos(jnp.pi * progress / 2) ** 2)
""",
    ),
    Body(
        "growing cycles are found in a list",
        "keras",
        "restarts first=10 mult=2 shrink=0.5",
        """\
# restarts first=10 mult=2 shrink=0.5
reached = _reached(_BEGINS, step) - 1
progress = (
    ops.cast(step - ops.take(ops.array(_BEGINS), reached), "float32")
    / (10 * 2.0 ** ops.cast(reached, "float32"))
)
return (
    self.lr
    * ops.maximum(0.0, 0.5 ** ops.cast(reached, "float32"))
    * ops.cos(math.pi * progress / 2) ** 2
)
""",
    ),
    Body(
        "levels and indices are locals",
        "optax",
        "multistep 100 at=[30, 60] gamma=[0.5, 0.1] min=1e-3",
        """\
level_0 = jnp.maximum(0.001, lr * 0.05)
# multistep 100 at=[30, 60] gamma=[0.5, 0.1] min=0.001
reached = jnp.searchsorted(jnp.array([30, 60]), step, side="right")
rate = jnp.maximum(0.001, lr * jnp.array([1.0, 0.5, 0.05])[reached])
# the end holds
return jnp.where(step < 100, rate, level_0)
""",
    ),
    Body(
        "factors are multiplied",
        "keras",
        "step every=10 * (exp gamma=0.99)",
        """\
# step every=10
drops = ops.cast(step // 10, "float32")
rate = self.lr * 0.1**drops
# exp gamma=0.99
factor = 0.99 ** ops.cast(step, "float32")
return rate * factor
""",
    ),
    Body(
        "a formula of the user is only computed in its phase",
        "keras",
        "fn 40 {1 / t if t > 5 else exp(-t)}",
        """\
# fn 40 {1 / t if t > 5 else exp(-t)}
rate = self.lr * ops.exp(-ops.cast(ops.minimum(step, 6), "float32"))
rate = ops.where(step < 6, rate, self.lr / ops.cast(ops.clip(step, 6, 40), "float32"))
# the end holds
return ops.where(step < 40, rate, 0.025 * self.lr)
""",
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_bodies(case: Body) -> None:
    source = schedlang.parse(case.text).emit(case.target, style="closed-form")
    if case.target == "optax":
        _, _, code = source.rpartition('"""\n')
        indent = " " * 4
    else:
        _, _, code = source.partition("def __call__(self, step: Any) -> Any:\n")
        code, _, _ = code.partition("\n\n")
        indent = " " * 8
    lines = [line.removeprefix(indent) for line in code.splitlines()[1:]]
    assert lines == case.body.splitlines()


def test_a_phase_of_its_own_is_finite_before_it_begins() -> None:
    """`join_schedules` calls it with steps below 0, and selects the value of another one."""
    source = schedlang.parse("cosine 20 -> inverse_sqrt from=1x timescale=9").emit("optax")
    assert "return lr / jnp.sqrt(1 + jnp.maximum(step, 0) / 9)\n" in source
    assert "optax.join_schedules(" in source
