"""How the libraries of arrays are called: JAX's and Keras'."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a library of arrays is called.

    Attributes:
        module: its name in the source.
        pi: its π.
        real: makes a float of an integer array.
        index: counts the edges that an array has reached.
        take: picks from a list by such a count.
        rows: picks rows from a list of them.
        full: an array of a constant, in the shape of the steps.
    """

    module: str
    pi: str
    real: Callable[[str], str]
    index: Callable[[str, str], str]
    take: Callable[[str, str], str]
    rows: Callable[[str, str], str]
    full: Callable[[str, str], str]

    def names(self) -> dict[str, str]:
        """What the operations are called."""
        functions = {
            name: f"{self.module}.{name}"
            for name in ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil", "abs")
        }
        others = {"min": "minimum", "max": "maximum"}
        return {**functions, **{op: f"{self.module}.{name}" for op, name in others.items()}}


JAX = Dialect(
    module="jnp",
    pi="jnp.pi",
    real=lambda x: f"{x}.astype(float)",
    index=lambda edges, x: f'jnp.searchsorted(jnp.array({edges}), {x}, side="right")',
    take=lambda values, i: f"jnp.array({values})[{i}]",
    rows=lambda values, i: f"jnp.array({values})[{i}]",
    full=lambda like, value: f"jnp.full_like({like}, {value}, dtype=float)",
)
KERAS = Dialect(
    module="ops",
    pi="math.pi",
    real=lambda x: f'ops.cast({bare(x)}, "float32")',
    index=lambda edges, x: f"_reached({edges}, {x})",
    take=lambda values, i: f"ops.take(ops.array({values}), {i})",
    rows=lambda values, i: f'ops.take(ops.array({values}, "float32"), {i}, axis=0)',
    full=lambda like, value: f'ops.full_like({like}, {value}, dtype="float32")',
)


def bare(text: str) -> str:
    """The text without parentheses around the whole of it."""
    return (
        text[1:-1]
        if re.fullmatch(r"\([^()]*(\([^()]*(\([^()]*\)[^()]*)*\)[^()]*)*\)", text)
        else text
    )
