"""The decisions of `plateau`, metric by metric; against PyTorch they are tested in `torch/`."""

from __future__ import annotations

import math

import pytest

import schedlang
from schedlang.formula.expressions import Number
from schedlang.plateau import PlateauMemory, ReduceOnPlateau

NAN = math.nan
INF = math.inf
CASES: list[tuple[str, list[float], list[float]]] = [
    ("patience=1", [1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.25]),
    ("patience=0", [3, 2, 1, 0], [1, 1, 1, 1]),
    ("patience=0 mode=max", [3, 2, 4], [1, 0.5, 0.5]),
    ("patience=0", [NAN, 1, NAN, 0], [0.5, 0.5, 0.25, 0.25]),
    ("patience=0", [INF, -INF, 0], [0.5, 0.5, 0.25]),
    ("patience=0 mode=max", [-INF, INF, 0], [0.5, 0.5, 0.25]),
    ("patience=0 cooldown=2", [1, 1, 1, 1, 1, 1], [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
    ("patience=1 cooldown=1", [1, 1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.5, 0.25]),
    ("patience=0 threshold=0.5", [1, 0.5, 0.49], [1, 0.5, 0.5]),
    ("patience=0 threshold=0.5", [1, 0.6, 0.49], [1, 0.5, 0.5]),
    ("patience=0 threshold=0.5 threshold_mode=abs", [3, 2.5, 2.4], [1, 0.5, 0.5]),
    ("patience=0 threshold=0.5 threshold_mode=abs mode=max", [3, 3.5, 3.6], [1, 0.5, 0.5]),
    ("patience=0 threshold=0.5 mode=max", [2, 3, 3.1], [1, 0.5, 0.5]),
    ("patience=0 min=30%", [1, 1, 1, 1], [1, 0.5, 0.3, 0.3]),
    ("patience=0 eps=0.2", [1, 1, 1, 1, 1], [1, 0.5, 0.25, 0.25, 0.25]),
    ("patience=0 eps=0.5", [1, 1], [1, 1]),
]


@pytest.mark.parametrize(("arguments", "metrics", "rates"), CASES)
def test_decisions(arguments: str, metrics: list[float], rates: list[float]) -> None:
    phase = schedlang.parse(f"plateau factor=0.5 {arguments}").bind().plateau
    assert phase is not None
    floor = phase["min"]
    assert isinstance(floor, Number)
    plateau = ReduceOnPlateau.of(phase)
    found, reduced = [], []
    for metric in metrics:
        reduced.append(plateau.receive(metric))
        found.append(plateau.level(1.0, floor.value))
    assert found == rates
    assert plateau.memory.reductions == sum(reduced)


@pytest.mark.parametrize("cut", range(10))
def test_a_memory_that_is_put_back_goes_on(cut: int) -> None:
    phase = schedlang.parse("plateau factor=0.5 patience=2 cooldown=1").bind().plateau
    assert phase is not None
    whole, metrics = ReduceOnPlateau.of(phase), [2.0, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    want = [(whole.receive(metric), whole.level(0.1, 0.0)) for metric in metrics]
    first, second = ReduceOnPlateau.of(phase), ReduceOnPlateau.of(phase)
    for metric in metrics[:cut]:
        first.receive(metric)
    memory = first.memory
    second.memory = PlateauMemory(memory.best, memory.bad, memory.cooldown, memory.reductions)
    got = [(second.receive(metric), second.level(0.1, 0.0)) for metric in metrics[cut:]]
    assert got == want[cut:]
