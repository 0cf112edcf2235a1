"""The phases, one class each with its fields and formula, and the registration of others."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, TypeVar, get_args, get_origin

from schedlang.language.quantities import UNITS
from schedlang.phases.base import Phase, Ramp, Rate
from schedlang.phases.cycles import Cyclic, OneCycle, Restarts
from schedlang.phases.expression import Fn
from schedlang.phases.plateau import Plateau
from schedlang.phases.ramps import Cosine, Exp, Hold, Linear, Poly, Sqrt
from schedlang.phases.rates import InverseSqrt, InverseTime, Multistep, Piecewise, Step

__all__ = ["BUILT_IN", "REGISTERED", "Phase", "Ramp", "Rate", "kinds", "register"]

BuiltIn: TypeAlias = (
    Hold | Linear | Cosine | Poly | Sqrt | Exp
    | Step | Multistep | Piecewise | InverseTime | InverseSqrt
    | Restarts | Cyclic | OneCycle | Plateau | Fn
)  # fmt: skip


def _kind(phase: type[Phase]) -> str:
    annotation = phase.model_fields["kind"].annotation
    if get_origin(annotation) is not Literal or len(get_args(annotation)) != 1:
        raise TypeError(f'{phase.__name__} needs a field `kind: Literal["its_name"]`')
    kind: str = get_args(annotation)[0]
    return kind


BUILT_IN: dict[str, type[Phase]] = {_kind(phase): phase for phase in get_args(BuiltIn)}
REGISTERED: dict[str, type[Phase]] = {}

_RESERVED = {
    "warmup", "decay", "rest", "until", "inf", "x", "true", "false", "group", "product",
    "broken", *UNITS,
}  # fmt: skip

_P = TypeVar("_P", bound=type[Phase])


def register(phase: _P) -> _P:
    """Make a phase of your own usable in the text by its ``kind``; a class decorator.

    A class of the same name, such as that of a notebook's cell run again, replaces the old one.

    Raises:
        TypeError: if the class has no ``kind: Literal["its_name"]``.
        ValueError: if the name is not a lower-case name, reserved, or taken.
    """
    kind = _kind(phase)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind) or kind in _RESERVED:
        raise ValueError(f"a phase cannot be called {kind!r}")
    if kind in BUILT_IN or REGISTERED.get(kind, phase).__qualname__ != phase.__qualname__:
        raise ValueError(f"there is a phase called {kind!r} already")
    REGISTERED[kind] = phase
    return phase


def kinds() -> dict[str, type[Phase]]:
    """Every phase by its name, the registered ones too."""
    return {**BUILT_IN, **REGISTERED}
