"""jsonargparse and LightningCLI: an argument of type `Schedule` is a line of text.

Importing this module registers the type.
"""

from __future__ import annotations

from typing import Any

from jsonargparse import set_parsing_settings
from jsonargparse.typing import register_type

from schedlang.schedule import Schedule


def _read(value: Any) -> Schedule:
    """The schedule of a text or dict form, or of what jsonargparse makes of one as a default.

    Raises:
        ScheduleError: with everything that is wrong.
    """
    if isinstance(value, dict) and "class_path" in value:
        value = value["init_args"]
    return Schedule.model_validate(value)


# Else jsonargparse expands a pydantic model into one option for each of its fields.
set_parsing_settings(subclasses_enabled=[Schedule])
register_type(Schedule, serializer=str, deserializer=_read)
