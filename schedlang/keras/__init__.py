"""Keras 3 on any backend: a learning-rate schedule, and callbacks for what it cannot do."""

from __future__ import annotations

from schedlang.keras.callbacks import RateLogger, RateSetter, callbacks
from schedlang.keras.plan import PlanSetter, plan_callbacks
from schedlang.keras.schedule import ScheduledRate, build

__all__ = [
    "PlanSetter",
    "RateLogger",
    "RateSetter",
    "ScheduledRate",
    "build",
    "callbacks",
    "plan_callbacks",
]
