"""One line of text for a learning-rate schedule: the same rates in PyTorch, Keras and optax."""

from schedlang.errors import Mistake, ScheduleError, ScheduleWarning
from schedlang.phases import Phase, Ramp, Rate, register
from schedlang.phases.arguments import Positive, Ratio
from schedlang.program import Program
from schedlang.schedule import Binding, Schedule, parse, to_torch

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
    "parse",
    "register",
    "to_torch",
]
__version__ = "0.1.0"
