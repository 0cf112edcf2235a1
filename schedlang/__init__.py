"""One line of text for a learning-rate schedule: the same rates in PyTorch, Keras and optax."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schedlang.errors import Mistake, ScheduleError, ScheduleWarning
    from schedlang.linting import Finding, lint
    from schedlang.phases import Phase, Ramp, Rate, register
    from schedlang.phases.arguments import Positive, Ratio
    from schedlang.plan.line_or_plan import compare, to_torch
    from schedlang.plan.model import Plan
    from schedlang.presets import preset
    from schedlang.program.program import Program
    from schedlang.recommended import recommend
    from schedlang.schedule import Binding, Schedule, parse
    from schedlang.space import Space

__all__ = [
    "Binding",
    "Finding",
    "Mistake",
    "Phase",
    "Plan",
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
    "lint",
    "parse",
    "preset",
    "recommend",
    "register",
    "to_torch",
]
__version__ = "0.1.0"

_MODULES = {
    "schedlang.errors": ("Mistake", "ScheduleError", "ScheduleWarning"),
    "schedlang.linting": ("Finding", "lint"),
    "schedlang.phases": ("Phase", "Ramp", "Rate", "register"),
    "schedlang.phases.arguments": ("Positive", "Ratio"),
    "schedlang.plan.line_or_plan": ("compare", "to_torch"),
    "schedlang.plan.model": ("Plan",),
    "schedlang.presets": ("preset",),
    "schedlang.program.program": ("Program",),
    "schedlang.recommended": ("recommend",),
    "schedlang.schedule": ("Binding", "Schedule", "parse"),
    "schedlang.space": ("Space",),
}


def __getattr__(name: str) -> Any:
    """A public name, imported on first use, since the command line needs few of them."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module 'schedlang' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
