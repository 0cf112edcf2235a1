"""One line of text for a learning-rate schedule: the same rates in PyTorch, Keras and optax."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schedlang.errors import Mistake, ScheduleError, ScheduleWarning
    from schedlang.phases import Phase, Ramp, Rate, register
    from schedlang.phases.arguments import Positive, Ratio
    from schedlang.program.program import Program
    from schedlang.schedule import Binding, Schedule, compare, parse, to_torch
    from schedlang.space import Space

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
    "Space",
    "compare",
    "parse",
    "register",
    "to_torch",
]
__version__ = "0.1.0"

_MODULES = {
    "schedlang.errors": ("Mistake", "ScheduleError", "ScheduleWarning"),
    "schedlang.phases": ("Phase", "Ramp", "Rate", "register"),
    "schedlang.phases.arguments": ("Positive", "Ratio"),
    "schedlang.program.program": ("Program",),
    "schedlang.schedule": ("Binding", "Schedule", "compare", "parse", "to_torch"),
    "schedlang.space": ("Space",),
}


def __getattr__(name: str) -> Any:
    """A public name, imported on first use: the command line needs few of them."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module 'schedlang' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
