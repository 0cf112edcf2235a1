"""The targets of emitted source code."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Target: TypeAlias = Literal["torch", "keras", "optax", "python"]
TARGETS: tuple[Target, ...] = get_args(Target)
