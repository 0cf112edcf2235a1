"""The targets for which source code is written: the one list of them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Target: TypeAlias = Literal["torch", "keras", "optax", "python"]
TARGETS: tuple[Target, ...] = get_args(Target)
