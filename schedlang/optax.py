"""optax: a schedule, ``count -> rate``, of ``jax.numpy`` operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from schedlang.arrays.tables import ArrayRates, refuse_epochs, refuse_plateau
from schedlang.program.program import Program

# Every index is inside its table; JAX's default check of that takes a quarter of the time in which
# a table is compiled.
_ARRAYS: Any = SimpleNamespace(
    **{**vars(jnp), "cast": jnp.asarray, "take": partial(jnp.take, mode="clip")}
)


def build(program: Program) -> Callable[[ArrayLike], Array]:
    """The schedule's rates as an optax schedule.

    Returns:
        A function of the updates made so far (at least 0; a number or an array of any shape, int
        or float) to the rates: float32 of the same shape, with 64-bit types switched on or off.

    Raises:
        ValueError: if the schedule is not a function of the count.
    """
    instead = "optax.contrib.reduce_on_plateau after the schedule"
    refuse_plateau(program, "an optax schedule", instead)
    if program.momentum is not None:
        instead = "optax.inject_hyperparams with a schedule for each"
        raise ValueError(f"`momentum=` moves what an optax schedule cannot reach: use {instead}")
    refuse_epochs(program, "optax")
    rates = ArrayRates(program, _ARRAYS)

    def rate(count: ArrayLike) -> Array:
        step, dtype = _countable(count)
        found: Array = rates(step, dtype)
        return found

    return rate


def _countable(count: ArrayLike) -> tuple[Array, str]:
    """The count in a type for counting, and the name of that type."""
    step = jnp.asarray(count)
    dtype = step.dtype.name
    if dtype in {"int32", "int64", "float32", "float64"}:
        return step, dtype
    if jnp.issubdtype(step.dtype, jnp.floating):
        return step.astype("float32"), "float32"
    widest = jnp.asarray(0).dtype.name if dtype in {"uint32", "uint64"} else "int32"
    return step.astype(widest), widest
