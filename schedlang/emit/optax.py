"""The optax target: its factories under `join_schedules`, and formulas where none fits."""

from __future__ import annotations

from schedlang.emit import header, source
from schedlang.emit.arrays import JAX, Arrays
from schedlang.program import Program


def emit(program: Program, function: str, style: str) -> str:
    """A module with ``learning_rate(step)``; with ``lr`` too where no base rate is known."""
    header.refuse_memory(program, "optax")
    per_epoch = header.epoch_of(program, "optax")
    arrays = Arrays(JAX, source.WIDTH - 4)
    clock = "epoch" if per_epoch else "step"
    count = ["step = jnp.asarray(step)"] if not per_epoch else [f"epoch = jnp.asarray(step) // {per_epoch}"]
    base = ", lr: float" if header.needs_base(program) else ""
    head = f"def {function}(step: ArrayLike{base}) -> jax.Array:"
    body = [*header.explains(program), *count, *arrays.returns(program.tracks, clock)]
    imports = ["import jax", "import jax.numpy as jnp", "from jax.typing import ArrayLike"]
    opening = header.opening(program, imports, arrays.lists.constants())
    return source.joined([opening, [head, *source.indented(body)]])
