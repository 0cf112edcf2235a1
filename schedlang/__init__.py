"""One line of text for a learning-rate schedule: the same rates in PyTorch, Keras and optax."""

from typing import TYPE_CHECKING, Any

from schedlang.errors import Mistake, ScheduleError, ScheduleWarning
from schedlang.phases import Phase, Ramp, Rate, register
from schedlang.phases.arguments import Positive, Ratio
from schedlang.schedule import Binding, Schedule, compare, parse, to_torch

if TYPE_CHECKING:
    from schedlang.program import Program

__all__ = [
    "Binding",
    "Mistake",
    "Phase",
    "Positive",
    "Program",
    "Ramp",
    "Rate",
    "Ratio",
    "Schedule",
    "ScheduleError",
    "ScheduleWarning",
    "compare",
    "parse",
    "register",
    "to_torch",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`Program` is for annotations, and is loaded when one asks for it."""
    if name == "Program":
        from schedlang.program import Program

        return Program
    raise AttributeError(f"module 'schedlang' has no attribute {name!r}")
