"""jsonargparse and LightningCLI: an argument of type `Schedule` or `Plan` is text or its dict form.

Importing this module registers the types.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from schedlang.integrations import needs
from schedlang.plan.model import Plan
from schedlang.schedule import Schedule

with needs("trainers", __name__):
    from jsonargparse.typing import register_type

if tuple(map(int, version("jsonargparse").split(".")[:2])) < (4, 46):
    raise ImportError(
        f"a Schedule as an argument needs jsonargparse 4.46 or later; {version('jsonargparse')} is "
        "installed: python -m pip install --upgrade jsonargparse"
    )
from jsonargparse import _signatures, set_parsing_settings
from jsonargparse._signatures import convert_to_dict as _expanded

_WRITE: dict[type, Callable[[Any], Any]] = {Schedule: str, Plan: Plan.mapping}


def _default(value: Any) -> Any:
    """A default for jsonargparse: a line or plan as text, other models expanded."""
    return _WRITE[type(value)](value) if type(value) in _WRITE else _expanded(value)


# Otherwise jsonargparse expands the models into their fields, with one option for each. It expands
# the default of every pydantic model before it looks for a serializer, without a setting to disable
# that.
set_parsing_settings(subclasses_enabled=[*_WRITE])
_signatures.convert_to_dict = _default
for _kind, _write in _WRITE.items():
    register_type(_kind, serializer=_write, deserializer=_kind.model_validate)  # type: ignore[attr-defined]  # both have it
