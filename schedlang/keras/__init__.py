"""Keras 3 on any backend: a learning-rate schedule, and callbacks for what it cannot do."""

from __future__ import annotations

from schedlang.keras.callbacks import RateLogger, RateSetter, callbacks
from schedlang.keras.schedule import ScheduledRate, build

__all__ = ["RateLogger", "RateSetter", "ScheduledRate", "build", "callbacks"]
