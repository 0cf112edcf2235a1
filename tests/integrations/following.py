"""What the tests of trainers share: the rates of all updates against the curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import schedlang

LINE = "warmup 1ep -> cosine rest min=1%"
METRIC = "warmup 1ep -> plateau factor=0.5 patience=0"


def assert_follows(
    rates: Sequence[float], line: str = LINE, *, begin: int = 0, end: int, **binding: Any
) -> None:
    """The updates from ``begin`` on have the rates of the curve, and are as many."""
    program = schedlang.parse(line).bind(lr=0.1, **binding)
    assert len(rates) == end - begin
    for tick, rate in enumerate(rates, begin):
        assert abs(rate - program.at(tick)) < 1e-12, f"tick {tick}: {rate!r}"


def halvings(updates: int, reduced_at: Sequence[int], warmup: int = 10) -> list[float]:
    """The rates of `METRIC`, whose plateau reduces them before the updates that are given."""
    program = schedlang.parse("warmup 1ep -> hold").bind(lr=0.1, steps_per_epoch=warmup)
    return [
        program.at(tick) * 0.5 ** sum(at <= tick for at in reduced_at) for tick in range(updates)
    ]
