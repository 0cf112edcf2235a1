"""Keras 3, on any of its backends: a learning-rate schedule, and callbacks for what it cannot do."""

from __future__ import annotations

from schedlang.keras.schedule import ScheduledRate, build

__all__ = ["ScheduledRate", "build"]
