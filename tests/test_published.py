"""Trainers with a schedule of their own: their formulas, and the line with the same rates."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sqrt
from typing import Any, TypeAlias

import numpy as np
import pytest

import schedlang

Formula: TypeAlias = Callable[[int], float]
"""The rate of update n + 1."""


def mmengine(lr: float, start: float, low: float, warm: int, epochs: int, updates: int) -> Formula:
    """MMEngine's `LinearLR` of so many epochs, converted to updates, and a cosine by epoch.

    Source: open-mmlab/mmengine, `optim/scheduler/param_scheduler.py` (`LinearParamScheduler`,
    `CosineAnnealingParamScheduler`); the settings are those of mmpretrain's
    `configs/_base_/schedules/imagenet_bs4096_AdamW.py`.
    """

    def rate(n: int) -> float:
        if n < warm * updates:
            return lr * (start + (1 - start) * n / (warm * updates - 1))
        epoch = n // updates
        return low + (lr - low) * (1 + cos(pi * (epoch - warm) / (epochs - warm))) / 2

    return rate


def ultralytics(
    lr0: float, lrf: float, epochs: int, warm: int, updates: int, *, cosine: bool
) -> Formula:
    """The weights' rate of ultralytics/yolov5, `train.py`, where each batch is an update."""

    def factor(epoch: int) -> float:
        if cosine:  # one_cycle(1, lrf, epochs)
            return ((1 - cos(epoch * pi / epochs)) / 2) * (lrf - 1) + 1
        return max(1 - epoch / epochs, 0) * (1 - lrf) + lrf

    def rate(n: int) -> float:
        return float(np.interp(n, [0, warm], [0.0, lr0 * factor(n // updates)]))

    return rate


def torchtitan(lr: float, warm: int, ratio: float, total: int, shape: str, low: float) -> Formula:
    """`linear_warmup_stable_decay` of pytorch/torchtitan, `components/lr_scheduler.py`, 0.3."""
    decay = round(total * ratio)
    stable = total + 1 - warm - decay

    def rate(n: int) -> float:
        if n < warm:
            return lr * (n + 1) / warm
        if n < warm + stable:
            return lr
        p = (n + 1 - warm - stable) / decay
        left = {"linear": 1 - p, "sqrt": 1 - sqrt(p), "cosine": 0.5 * (1 + cos(pi * p))}[shape]
        return lr * (low + (1 - low) * left)

    return rate


def olmo(lr: float, warm: int, total: int, alpha: float) -> Formula:
    """`CosWithWarmup` of allenai/OLMo-core, `optim/scheduler.py`; it counts before it updates."""

    def rate(n: int) -> float:
        current, low = n + 1, lr * alpha
        if current < warm:
            return lr * current / warm
        if current >= total:
            return low
        return low + (lr - low) * (1 + cos(pi * (current - warm) / (total - warm))) / 2

    return rate


# name, the trainer's formula, the line, its binding, how many updates
PUBLISHED: list[tuple[str, Formula, str, dict[str, Any], int]] = [
    (
        "MMEngine",
        mmengine(lr=1e-3, start=1e-4, low=1e-5, warm=5, epochs=100, updates=40),
        "warmup 199st from=1e-4x -> hold until 5ep -> cosine 95ep min=1e-5 every=1ep",
        {"lr": 1e-3, "steps_per_epoch": 40},
        4000,
    ),
    (
        "Ultralytics with a cosine",
        ultralytics(lr0=0.01, lrf=0.01, epochs=100, warm=120, updates=40, cosine=True),
        "(warmup 120st from=0 -> hold) * cosine 100ep min=1% every=1ep",
        {"lr": 0.01, "steps_per_epoch": 40},
        4000,
    ),
    (
        "Ultralytics",
        ultralytics(lr0=0.01, lrf=0.1, epochs=30, warm=100, updates=33, cosine=False),
        "(warmup 100st from=0 -> hold) * linear 30ep to=10% every=1ep",
        {"lr": 0.01, "steps_per_epoch": 33},
        990,
    ),
    (
        "torchtitan, DeepSeek-V3 16B",
        torchtitan(lr=2.2e-4, warm=200, ratio=0.8, total=1000, shape="cosine", low=0.1),
        "warmup 200 from=0 skip=1 -> hold until 200 -> cosine 800 min=10%",
        {"lr": 2.2e-4},
        1000,
    ),
    (
        "torchtitan with a stable phase",
        torchtitan(lr=3e-4, warm=50, ratio=0.2, total=1000, shape="sqrt", low=0.0),
        "warmup 50 from=0 skip=1 -> hold until 800 -> decay sqrt 200",
        {"lr": 3e-4},
        1000,
    ),
    (
        "torchtitan, linear",
        torchtitan(lr=3e-4, warm=2, ratio=0.5, total=10, shape="linear", low=0.1),
        "warmup 2 from=0 skip=1 -> hold until 5 -> decay 5 min=10%",
        {"lr": 3e-4},
        10,
    ),
    (
        "OLMo-core",
        olmo(lr=3e-4, warm=2000, total=10_000, alpha=0.1),
        "warmup 2000 from=0 skip=1 -> cosine 8000 min=10%",
        {"lr": 3e-4},
        11_000,
    ),
]


@pytest.mark.parametrize(
    ("rate", "line", "binding", "updates"),
    [case[1:] for case in PUBLISHED],
    ids=[case[0] for case in PUBLISHED],
)
def test_a_trainers_own_rates(
    rate: Formula, line: str, binding: dict[str, Any], updates: int
) -> None:
    want = np.array([rate(n) for n in range(updates)])
    got = schedlang.parse(line).bind(**binding).curve(updates)
    np.testing.assert_allclose(got, want, rtol=1e-12)
