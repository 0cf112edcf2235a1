"""A `ScheduleWarning` names the line that called, whichever way it called."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

import schedlang
from schedlang import Schedule, ScheduleWarning

LONG = "cosine 20"
MOVING = "onecycle 9 momentum=[0.8, 0.9]"
BINDING: dict[str, Any] = {"lr": 0.1, "total": 10}
WAYS: list[tuple[str, Callable[[Schedule], Any]]] = [
    (LONG, lambda schedule: schedule.bind(**BINDING)),
    (LONG, lambda schedule: schedule.to_keras(**BINDING)),
    (LONG, lambda schedule: schedule.keras_callbacks(**BINDING)),
    (LONG, lambda schedule: schedule.to_optax(**BINDING)),
    (LONG, lambda schedule: schedule.plot(ax=Figure().add_subplot(), **BINDING)),
    (LONG, lambda schedule: schedule.emit("keras", **BINDING)),
    (MOVING, lambda schedule: schedule.to_keras(lr=0.1)),
    (MOVING, lambda schedule: Schedule.to_keras(schedule, lr=0.1)),
]


@pytest.mark.parametrize(("text", "call"), WAYS)
def test_a_warning_names_the_line_that_called(text: str, call: Callable[[Schedule], Any]) -> None:
    schedule = schedlang.parse(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(schedule)
    found = [warning for warning in caught if warning.category is ScheduleWarning]
    assert [(w.filename, w.lineno) for w in found] == [(__file__, call.__code__.co_firstlineno)]
