"""Helper functions in emitted files: IEEE arithmetic where Python raises, and a lookup."""

from __future__ import annotations

from inspect import getsource

from schedlang.emit.code import Block, template
from schedlang.formula.expressions import Operation
from schedlang.formula.ieee import FUNCTIONS

GUARDS: dict[Operation, str] = {op: f"_{each.__name__}" for op, each in FUNCTIONS.items()}
"""The names of the helpers that follow IEEE where Python raises."""

_REACHED = '''\
def _reached(edges: list[int], step: Any) -> Any:
    """How many of the edges the step has reached."""
    reached = ops.expand_dims(step, -1) >= ops.array(edges)
    return ops.sum(ops.cast(reached, "int32"), axis=-1)'''

HELPERS: dict[str, Block] = {
    text: template(getsource(FUNCTIONS[op]).rstrip().replace("def ", "def _", 1), text, "math")
    for op, text in GUARDS.items()
} | {"_reached": template(_REACHED, "Any", "ops")}
"""The source of each helper, by name."""
