"""What a schedule's values are: PyTorch's and Keras' own, some worked out by hand, an oracle's."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

import schedlang
from schedlang import Program, ScheduleWarning
from tests.cases import CASES, FAR, PLATEAUS, VALUES, Case, golden, ticks_of
from tests.oracle import interpret, nearest
from tests.strategies import schedules

SEEDS = [seed for seed in golden() if not seed["schedule"].startswith("plateau")]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed['framework']} {seed['name']}")
def test_golden(seed: dict[str, Any]) -> None:
    program = schedlang.parse(seed["schedule"]).bind(lr=seed["lr"])
    steps = seed.get("steps") or range(len(seed["values"]))
    tolerance = 1e-9 if seed["framework"] == "torch" else 1e-4  # Keras counts in float32
    curve = program.curve(steps[-1] + 1)
    for tick, value in zip(steps, seed["values"], strict=True):
        near = pytest.approx(value, rel=tolerance, abs=1e-4 * seed["lr"] * tolerance)
        assert curve[tick] == near
        assert program.at(tick) == near


@pytest.mark.parametrize(
    "seed", [seed for seed in SEEDS if "momentum=" in seed["schedule"]], ids=lambda s: s["name"]
)
def test_golden_momentum(seed: dict[str, Any]) -> None:
    momentum = schedlang.parse(seed["schedule"]).bind(lr=seed["lr"]).momentum
    assert momentum is not None
    for tick, value in enumerate(seed["momentum"]):
        assert momentum.at(tick) == pytest.approx(value, rel=1e-9)


def _up(x: float) -> float:
    return (1 - math.cos(math.pi * x)) / 2


# text, binding, value at ticks. The base rate is 1 unless it is said.
BY_HAND: list[tuple[str, dict[str, Any], dict[int, float]]] = [
    # ── The run starts at 1x, a warm-up at 0.1% of it ──
    ("hold", {}, {0: 1, 1: 1, FAR: 1}),
    ("hold 5", {"lr": 0.1}, {0: 0.1, 4: 0.1, 5: 0.1, FAR: 0.1}),
    ("warmup 10", {}, {0: 0.001, 1: 0.1009, 9: 0.9001, 10: 1, 11: 1, FAR: 1}),
    ("warmup 10 from=0", {}, {0: 0, 1: 0.1, 9: 0.9, 10: 1, FAR: 1}),
    ("(warmup 10)", {}, {0: 0.001, 10: 1}),
    ("(hold 5) * (warmup 10)", {}, {0: 0.001, 10: 1}),
    # A later warm-up starts where the level is; the first one in each round of a repeat too.
    ("hold 5 to=20% -> warmup 10", {}, {5: 0.2, 6: 0.28, 15: 1}),
    ("(warmup 4 -> linear 4 to=20%) x 2", {}, {0: 0.001, 4: 1, 7: 0.4, 8: 0.2, 10: 0.6, 12: 1}),
    # ── A phase starts at the level on which the previous one ended ──
    ("linear 10 to=50% -> linear 10", {}, {9: 0.55, 10: 0.5, 11: 0.45, 19: 0.05, 20: 0, FAR: 0}),
    ("linear 10 to=50% -> hold 5 -> cosine 10", {}, {10: 0.5, 14: 0.5, 15: 0.5, 20: 0.25, 25: 0}),
    ("linear 10 to=50% -> cosine 10 from=1x", {}, {9: 0.55, 10: 1, 15: 0.5, 20: 0}),
    ("linear 10 to=50% -> (linear 10 -> hold)", {}, {10: 0.5, 15: 0.25, 20: 0}),
    ("(linear 10 to=50%) x 3", {}, {0: 1, 10: 0.5, 20: 0.5, 30: 0.5}),
    ("(linear 10 from=1x to=50%) x 2", {}, {9: 0.55, 10: 1, 19: 0.55, 20: 0.5, FAR: 0.5}),
    ("(exp 2 gamma=0.5) x 3", {}, {0: 1, 1: 0.5, 2: 0.25, 3: 0.125, 6: 1 / 64, FAR: 1 / 64}),
    # ── A phase ends on the limit from the left ──
    ("step 90 every=30 gamma=0.1", {}, {59: 0.1, 60: 0.01, 89: 0.01, 90: 0.01, 91: 0.01}),
    ("step 91 every=30 gamma=0.1", {}, {90: 0.001, 91: 0.001}),
    ("step 30 every=30 -> hold 5", {}, {29: 1, 30: 1, FAR: 1}),
    ("multistep 20 at=[10, 20] gamma=0.1", {}, {10: 0.1, 19: 0.1, 20: 0.1, FAR: 0.1}),
    ("multistep 21 at=[10, 20] gamma=0.1", {}, {19: 0.1, 20: 0.01, FAR: 0.01}),
    ("piecewise 10 at=[5, 10] values=[1, 0.5, 2]x", {}, {4: 1, 5: 0.5, 10: 0.5, FAR: 0.5}),
    ("restarts 20 first=10 min=10%", {}, {9: 0.1 + 0.9 * (1 - _up(0.9)), 10: 1, 20: 0.1, FAR: 0.1}),
    ("restarts 15 first=10", {}, {10: 1, 15: 0.5, FAR: 0.5}),
    ("inverse_time 20 rate=1 every=10 staircase=true", {}, {9: 1, 10: 0.5, 19: 0.5, 20: 0.5}),
    ("inverse_time 20 rate=1 every=10", {}, {10: 0.5, 20: 1 / 3, FAR: 1 / 3}),
    ("exp 10 gamma=0.5", {}, {9: 0.5**9, 10: 0.5**10, FAR: 0.5**10}),
    ("cyclic 40 up=10 min=20%", {}, {10: 1, 20: 0.2, 30: 1, 39: 0.28, 40: 0.2, FAR: 0.2}),
    ("cyclic 30 up=10 min=20%", {}, {29: 0.92, 30: 1, FAR: 1}),
    # … but `fn` ends on its value at T.
    ("fn 10 {1 if t < 10 else 0.5}", {}, {9: 1, 10: 0.5, FAR: 0.5}),
    ("fn 10 {floor(p) + 1}", {}, {9: 1, 10: 2, FAR: 2}),
    # A cosine's lowest value is that of the tick after it.
    (
        "cosine 100 min=1e-4",
        {"lr": 0.1},
        {0: 0.1, 50: 0.05005, 99: 1e-4 + 0.0999 * (1 - _up(0.99)), 100: 1e-4},
    ),
    # ── Ramps ──
    ("linear 10 to=20%", {}, {0: 1, 5: 0.6, 9: 0.28, 10: 0.2}),
    ("linear 10 to=2x", {}, {5: 1.5, 10: 2, FAR: 2}),
    ("linear 10 to=3e-2", {"lr": 0.1}, {5: 0.065, 10: 0.03}),
    ("cosine 10 to=20%", {}, {1: 1 - 0.8 * _up(0.1), 5: 0.6, 10: 0.2}),
    ("cosine 10 from=0 to=1x", {}, {0: 0, 5: 0.5, 10: 1}),
    ("poly 10", {}, {0: 1, 1: 0.9, 10: 0}),
    ("poly 10 power=2 to=20%", {}, {5: 0.2 + 0.8 * 0.25, 10: 0.2}),
    ("poly 10 power=2 from=0 to=1x", {}, {0: 0, 5: 0.75, 10: 1}),
    ("sqrt 100", {}, {0: 1, 1: 0.9, 25: 0.5, 81: 0.1, 100: 0}),
    ("sqrt 100 from=0 to=1x", {}, {25: 0.5, 100: 1}),
    ("exp 10 to=1%", {}, {0: 1, 5: 0.1, 10: 0.01, FAR: 0.01}),
    ("exp 10 from=0.04 to=1%", {"lr": 1}, {0: 0.04, 5: 0.02, 10: 0.01}),
    ("decay 10", {}, {5: 0.5, 10: 0}),
    ("decay exp 10 to=1%", {}, {5: 0.1, 10: 0.01}),
    # A warm-up is the decay from b to a, run backwards.
    ("warmup cosine 10 from=0", {}, {1: _up(0.1), 5: 0.5, 9: _up(0.9), 10: 1}),
    ("warmup poly 10 power=2 from=0", {}, {1: 0.01, 5: 0.25, 9: 0.81, 10: 1}),
    ("warmup poly 10 power=0.5 from=0", {}, {1: math.sqrt(0.1), 10: 1}),
    ("warmup sqrt 100 from=0", {}, {19: 0.1, 75: 0.5, 100: 1}),
    ("warmup exp 10 from=1%", {}, {0: 0.01, 5: 0.1, 10: 1}),
    ("warmup exp 10", {}, {0: 0.001, 10: 1}),
    ("warmup 10 from=0 to=50%", {}, {5: 0.25, 10: 0.5, FAR: 0.5}),
    # ── every: a ramp is a staircase, and ends on its level ──
    ("linear 10 every=5", {}, {0: 1, 4: 1, 5: 0.5, 9: 0.5, 10: 0, FAR: 0}),
    ("linear 10 every=4 to=50%", {}, {3: 1, 4: 0.8, 7: 0.8, 8: 0.6, 9: 0.6, 10: 0.5, FAR: 0.5}),
    ("linear 10 every=2.5", {}, {2: 1, 3: 0.75, 4: 0.75, 5: 0.5, 7: 0.5, 8: 0.25, 9: 0.25, 10: 0}),
    ("linear 10 every=10/3", {}, {3: 1, 4: 2 / 3, 6: 2 / 3, 7: 1 / 3, 9: 1 / 3, 10: 0}),
    ("linear 10 every=1", {}, {0: 1, 1: 0.9, 9: 0.1, 10: 0}),
    ("cosine 20 every=5", {}, {4: 1, 5: 1 - _up(0.25), 14: 0.5, 15: 1 - _up(0.75), 20: 0}),
    ("poly 10 power=2 every=5", {}, {4: 1, 5: 0.25, 9: 0.25, 10: 0}),
    ("sqrt 100 every=25", {}, {24: 1, 25: 0.5, 49: 0.5, 50: 1 - math.sqrt(0.5), 100: 0}),
    ("exp 10 to=1% every=5", {}, {4: 1, 5: 0.1, 9: 0.1, 10: 0.01, FAR: 0.01}),
    ("warmup 10 from=0 every=5", {}, {4: 0, 5: 0.5, 9: 0.5, 10: 1}),
    ("warmup cosine 20 from=0 every=5", {}, {4: 0, 5: _up(0.25), 10: 0.5, 20: 1}),
    ("warmup sqrt 100 from=0 every=75", {}, {74: 0, 75: 0.5, 99: 0.5, 100: 1}),
    ("warmup exp 10 from=1% every=5", {}, {4: 0.01, 5: 0.1, 9: 0.1, 10: 1}),
    ("hold 3 -> linear 10 every=5", {}, {7: 1, 8: 0.5, 12: 0.5, 13: 0}),  # from its own begin
    ("linear 10 every=5 skip=3", {}, {1: 1, 2: 0.5, 6: 0.5, 7: 0}),
    ("linear 5 every=20 to=50% -> linear 5", {}, {4: 1, 5: 0.5, 10: 0}),
    ("(linear 4 every=3 to=50%) * (linear 8 every=4)", {}, {2: 1, 3: 0.625, 4: 0.25, 8: 0}),
    ("(linear 4 every=3 to=50%) x 2", {}, {2: 1, 3: 0.625, 4: 0.5, 6: 0.5, 7: 0.5}),
    (
        "warmup 1ep from=0 -> linear 2ep every=1ep",
        {"steps_per_epoch": 4},
        {3: 0.75, 4: 1, 7: 1, 8: 0.5, 11: 0.5, 12: 0},
    ),
    (
        "linear 2ep every=0.5ep",
        {"steps_per_epoch": 5},
        {2: 1, 3: 0.75, 4: 0.75, 5: 0.5, 7: 0.5, 8: 0.25, 10: 0},
    ),
    # ── Rates ──
    ("exp gamma=0.5", {}, {0: 1, 1: 0.5, 10: 0.5**10}),
    ("exp gamma=0.5 every=10", {}, {5: 0.5**0.5, 10: 0.5, 20: 0.25}),
    ("exp gamma=0.5 min=10%", {}, {3: 0.125, 4: 0.1, FAR: 0.1}),
    ("step every=10", {}, {9: 1, 10: 0.1, 20: 0.01, FAR: 0}),
    (
        "step every=2.5 gamma=0.5",
        {},
        {2: 1, 3: 0.5, 4: 0.5, 5: 0.25, 7: 0.25, 8: 0.125, 10: 0.0625},
    ),
    ("step every=10/3 gamma=0.5", {}, {3: 1, 4: 0.5, 6: 0.5, 7: 0.25, 9: 0.25, 10: 0.125}),
    ("step every=10 gamma=0.5 from=50% min=10%", {}, {0: 0.5, 10: 0.25, 20: 0.125, 30: 0.1}),
    ("multistep at=[3, 7] gamma=0.5", {}, {2: 1, 3: 0.5, 6: 0.5, 7: 0.25, FAR: 0.25}),
    ("multistep at=[3, 7] gamma=[0.5, 0.1]", {}, {2: 1, 3: 0.5, 6: 0.5, 7: 0.05}),
    ("piecewise at=[3] values=[50%, 2e-3]", {"lr": 0.1}, {0: 0.05, 2: 0.05, 3: 0.002}),
    ("inverse_time rate=0.5", {}, {0: 1, 2: 0.5, 6: 0.25}),
    ("inverse_time rate=1 every=10 staircase=true", {}, {9: 1, 10: 0.5, 29: 1 / 3, 30: 0.25}),
    ("inverse_sqrt timescale=4", {}, {0: 1, 12: 0.5, 60: 0.25}),
    ("warmup 4000 from=0 -> inverse_sqrt", {}, {0: 0, 1000: 0.25, 4000: 1, 16000: 0.5}),
    ("hold 3 -> (hold 5 -> inverse_sqrt)", {}, {8: 1, 23: 0.5}),
    # ── Positions count from the start of the enclosing pipeline ──
    ("warmup 5 from=0 -> multistep at=[8, 10] gamma=0.5", {}, {7: 1, 8: 0.5, 9: 0.5, 10: 0.25}),
    ("hold 4 -> (hold 2 -> multistep at=[5] gamma=0.5)", {}, {8: 1, 9: 0.5}),
    ("(hold 2 -> multistep 4 at=[3] gamma=0.5) x 2", {}, {2: 1, 3: 0.5, 8: 0.5, 9: 0.25}),
    ("hold 4 -> hold 9 * multistep at=[5] gamma=0.5", {}, {8: 1, 9: 0.5}),
    ("hold 5 -> multistep at=[5] gamma=0.5", {}, {4: 1, 5: 0.5}),
    ("hold 4 -> cosine until 14 -> hold", {}, {4: 1, 9: 0.5, 14: 0}),
    ("hold 4 -> (hold 2 -> cosine until 12)", {}, {6: 1, 11: 0.5, 16: 0}),
    ("hold 4 -> cosine until 4 to=50% -> hold", {}, {4: 0.5}),
    # ── skip: the phase enters its own curve late ──
    ("linear 100 skip=10", {}, {0: 0.9, 1: 0.89, 89: 0.01, 90: 0, FAR: 0}),
    ("warmup 10 from=0 -> linear 100 skip=10", {}, {10: 0.9, 99: 0.01, 100: 0}),
    ("linear 10 to=50% skip=10", {}, {0: 0.5, FAR: 0.5}),
    ("linear 0.5ep to=50% skip=0.5ep", {"steps_per_epoch": 5}, {0: 0.5, FAR: 0.5}),
    ("step 40 every=10 gamma=0.5 skip=15", {}, {0: 0.5, 4: 0.5, 5: 0.25, 24: 0.125, 25: 0.125}),
    ("restarts 20 first=10 skip=5", {}, {0: 0.5, 5: 1, 15: 0}),
    ("restarts first=10 cycles=2 skip=5", {}, {0: 0.5, 5: 1, 15: 0, FAR: 0}),
    ("exp gamma=0.5 skip=3", {}, {0: 0.125, 1: 0.0625}),
    ("warmup 2000 from=0 skip=1 -> linear 10", {}, {0: 1 / 2000, 1998: 0.9995, 1999: 1, 2000: 0.9}),
    ("warmup 10 from=0 skip=1 -> hold until 10 -> linear 10", {}, {8: 0.9, 9: 1, 10: 1, 11: 0.9}),
    ("warmup exp 10 from=1% skip=5", {}, {0: 0.1, 5: 1}),
    ("warmup cosine 10 from=0 skip=5 -> hold", {}, {0: 0.5, 4: _up(0.9), 5: 1}),
    ("warmup 10 skip=10 -> linear 10", {}, {0: 1, 5: 0.5}),
    # With `rest` and `until` the span that is left is occupied, and T is that span plus skip.
    ("hold 10 -> linear until 100 skip=10", {}, {10: 0.9, 55: 0.45, 100: 0}),
    ("hold 10 -> linear rest skip=10", {"total": 100}, {10: 0.9, 55: 0.45, 100: 0}),
    ("warmup until 2000 from=0 skip=1", {}, {0: 1 / 2001, 1999: 2000 / 2001, 2000: 1}),
    ("warmup rest from=0 skip=1", {"total": 9}, {0: 0.1, 8: 0.9, 9: 1}),
    # ── No length ──
    ("linear 0 to=50% skip=3 -> linear 10", {}, {0: 0.5, 5: 0.25}),
    ("linear 0.04ep to=50% skip=0.1ep", {"steps_per_epoch": 10}, {0: 0.5}),
    ("warmup 0 skip=1 -> step 0 every=3 skip=2 -> linear 10", {}, {0: 1, 5: 0.5}),
    ("linear 0 to=50% -> linear 10", {}, {0: 0.5, 5: 0.25}),
    ("hold 0 to=50% -> hold 3", {}, {0: 0.5, FAR: 0.5}),
    ("onecycle 0", {}, {0: 4e-6, FAR: 4e-6}),
    ("step 0 every=3 from=50% -> hold 3", {}, {0: 1}),
    ("multistep 0 at=[0] -> piecewise 0 at=[1] values=[2, 3]x -> fn 0 {5} -> hold", {}, {0: 1}),
    ("cyclic 0 up=3 min=10% -> restarts 0 first=3 min=10% -> exp 0 gamma=0.5", {}, {0: 1}),
    ("exp 0 to=10%", {}, {0: 0.1}),
    ("warmup 0", {}, {0: 1}),
    ("warmup 0 -> warmup 10 from=0", {}, {0: 0, 5: 0.5}),
    ("linear 0.04ep to=50%", {"steps_per_epoch": 10}, {0: 0.5}),
    ("(linear 0 to=50%) x 3 -> linear 10", {}, {0: 0.5, 5: 0.25}),
    # ── After the last phase its end level holds for ever ──
    (
        "warmup linear 10 -> cosine 90 min=1e-4",
        {"lr": 0.1},
        {99: 1e-4 + 0.0999 * (1 - _up(89 / 90)), 100: 1e-4, FAR: 1e-4},
    ),
    ("restarts first=10 cycles=2 min=10%", {}, {19: 0.1 + 0.9 * (1 - _up(0.9)), 20: 0.1, 21: 0.1}),
    # ── Restarts ──
    ("restarts first=10 mult=2", {}, {0: 1, 5: 0.5, 10: 1, 20: 0.5, 30: 1, 50: 0.5, 70: 1}),
    ("restarts first=4 mult=1.5", {}, {2: 0.5, 4: 1, 7: 0.5, 10: 1}),
    ("restarts first=10 shrink=0.5 min=20%", {}, {10: 0.5, 20: 0.25, 30: 0.2, 35: 0.2, FAR: 0.2}),
    ("restarts 40 first=10 shrink=2 min=20%", {}, {0: 1, 5: 0.6, 10: 2, 15: 1.1, 20: 4, 30: 8}),
    ("restarts 30 cycles=3", {}, {5: 0.5, 10: 1, 15: 0.5, 25: 0.5, 30: 0}),
    ("restarts 70 cycles=3 mult=2", {}, {5: 0.5, 10: 1, 20: 0.5, 30: 1, 50: 0.5, 70: 0}),
    ("restarts first=10 cycles=2 mult=2 from=50%", {}, {0: 0.5, 10: 0.5, 20: 0.25, 30: 0}),
    ("restarts 10 cycles=4 min=10%", {}, {0: 1, 5: 1, 10: 0.1}),  # peaks at 0, 2.5, 5, 7.5
    # Counted cycles end on a cycle's end, though it be rounded to a tick that is not quite it.
    ("restarts first=1.5 cycles=1 min=10% -> hold", {}, {1: 0.325, 2: 0.1, FAR: 0.1}),
    ("restarts first=1.4 cycles=1 mult=2 -> hold", {}, {0: 1, 1: 0}),
    ("hold 3 to=10% -> restarts first=10 min=20%", {}, {3: 0.2, 8: 0.2, 13: 0.2}),
    # ── Cyclic ──
    ("cyclic up=10 min=20%", {}, {0: 0.2, 5: 0.6, 10: 1, 15: 0.6, 20: 0.2, 30: 1}),
    ("cyclic up=2 down=8 min=20%", {}, {1: 0.6, 2: 1, 6: 0.6, 10: 0.2}),
    ("cyclic up=10 min=20% max=60% mode=triangular2", {}, {10: 0.6, 20: 0.2, 30: 0.4, 50: 0.3}),
    ("cyclic up=10 min=0 mode=exp_range gamma=0.9", {}, {5: 0.5 * 0.9**5, 10: 0.9**10}),
    ("linear 5 to=50% -> cyclic up=10 min=20%", {}, {5: 0.2, 15: 1}),
    # ── One-cycle: the peak on pct·T - 1, the end on T - 1 ──
    ("onecycle 100", {}, {0: 0.04, 29: 1, 98: 4e-6 + (1 - 4e-6) * (1 - _up(69 / 70)), 99: 4e-6}),
    ("onecycle 100 anneal=linear div=10 final_div=10", {}, {0: 0.1, 29: 1, 64: 0.505, 99: 0.01}),
    ("onecycle 100 three_phase=true", {}, {0: 0.04, 29: 1, 58: 0.04, 99: 4e-6, 100: 4e-6}),
    ("onecycle 100 max=50% pct=0.5", {}, {0: 0.02, 49: 0.5, 99: 2e-6, FAR: 2e-6}),
    ("onecycle 10 pct=0.1", {}, {0: 1, 9: 4e-6}),
    ("onecycle 2 pct=0.5", {}, {0: 1, 1: 4e-6, 2: 4e-6}),
    ("onecycle 10 pct=0.1 three_phase=true", {}, {0: 1, 9: 4e-6}),
    ("onecycle 1", {}, {0: 4e-6, 1: 4e-6}),
    ("onecycle 1 pct=0.5 three_phase=true", {}, {0: 4e-6}),
    ("onecycle 10 anneal=linear pct=0.05", {}, {0: 1 + (4e-6 - 1) * (0.5 / 9.5), 9: 4e-6}),
    # ── fn: a factor of the base ──
    ("fn {0.5 ** t}", {"lr": 0.1}, {0: 0.1, 1: 0.05, 3: 0.0125}),
    ("linear 10 to=50% -> fn 10 {start * (1 - p)}", {"lr": 0.1}, {10: 0.05, 15: 0.025, 20: 0}),
    ("fn 10 {T / 10 + t / T}", {}, {0: 1, 5: 1.5, 10: 2}),
    ("fn {-2 ** 2 + 2 ** 3 ** 2 - 507}", {}, {0: 1}),
    ("fn {1 if 1 < 2 or 1 < 0 and 1 < 0 else 0}", {}, {0: 1}),
    ("fn {2 - 1 - 1 + 8 / 4 / 2}", {}, {0: 1}),
    ("fn {1 / t if t > 0 else 2}", {}, {0: 2, 1: 1, 4: 0.25}),
    ("fn {min(3, max(1, t), 2)}", {}, {0: 1, 1: 1, 2: 2, 9: 2}),
    ("fn {floor(-0.5) + ceil(0.5) + abs(-1) + tanh(0) + sqrt(4) + log(1) + exp(0)}", {}, {0: 4}),
    ("fn {sin(pi / 2) + cos(0) + tan(pi / 4)}", {}, {0: 3}),
    # ── Repeat ──
    ("(hold 2 -> linear 2 to=50%) x 2", {}, {2: 1, 3: 0.75, 4: 0.5, 6: 0.5, 7: 0.5, 8: 0.5}),
    ("(linear 4 to=0 -> linear 4 to=1x) x inf", {}, {2: 0.5, 4: 0, 6: 0.5, 8: 1, 10: 0.5, FAR: 1}),
    ("(warmup 4 from=0 -> linear 4) x inf", {}, {2: 0.5, 4: 1, 6: 0.5, 8: 0, 12: 1, FAR: 0}),
    # The first round may enter on another level than the later ones.
    ("(linear 4 to=50%) x inf", {}, {0: 1, 2: 0.75, 4: 0.5, 6: 0.5, FAR: 0.5}),
    ("(warmup 4 -> linear 4 to=0) x inf", {}, {0: 0.001, 4: 1, 8: 0, 10: 0.5}),
    # ── Product: each factor starts from 1x; the value is the entry level times all shares ──
    ("(linear 10 to=50%) * (step every=5 gamma=0.1)", {}, {4: 0.8, 5: 0.075, 10: 0.005, 11: 0.005}),
    (
        "linear 10 to=50% -> (linear 10 to=50%) * hold 4",
        {},
        {9: 0.55, 10: 0.5, 15: 0.375, 20: 0.25},
    ),
    ("hold 4 to=50% * linear 8 to=0", {}, {0: 0.5, 3: 0.3125, 4: 0.25, 8: 0}),
    ("hold 4 * hold 8 to=50% -> linear 10", {}, {0: 0.5, 8: 0.5, 13: 0.25}),
    ("hold 5 to=50% -> (warmup 5 from=0) * hold 2", {}, {5: 0, 6: 0.1, 9: 0.4, 10: 0.5}),
    ("(linear 2 to=50%) * (linear 4 to=50%) -> hold", {}, {2: 0.375, 3: 0.3125, 4: 0.25}),
    ("(hold 3 -> step every=3 gamma=0.5) * hold 3", {"lr": 0.1}, {0: 0.1, 6: 0.05}),
    ("cosine 20 min=10% * hold", {}, {0: 1, 10: 0.55, 20: 0.1}),
    # ── Levels ──
    ("hold to=50%", {"lr": 0.2}, {0: 0.1}),
    ("hold to=0.5x", {"lr": 0.2}, {0: 0.1}),
    ("hold to=0.5", {"lr": 0.2}, {0: 0.5}),
    ("linear 10 to=0", {"lr": None}, {0: 1, 5: 0.5}),  # no base: in units of it
    ("lr=0.5 | hold", {"lr": None}, {0: 0.5}),
    ("lr=0.5 | hold", {"lr": 0.5 * (1 + 1e-7)}, {0: 0.5}),
    # ── Units ──
    ("hold 2ep to=50% -> hold to=1x", {"steps_per_epoch": 5}, {9: 0.5, 10: 1}),
    ("hold 2ep to=50% -> hold to=1x", {}, {1: 0.5, 2: 1}),
    ("hold 10st to=50% -> hold to=1x", {"steps_per_epoch": 5, "clock": "epoch"}, {1: 0.5, 2: 1}),
    ("hold 2k tok to=50% -> hold to=1x", {"tokens_per_step": 500}, {3: 0.5, 4: 1}),
    ("hold 64 ex to=50% -> hold to=1x", {"samples_per_step": 16}, {3: 0.5, 4: 1}),
    ("hold 10% to=50% -> hold to=1x", {"total": 50}, {4: 0.5, 5: 1}),
    ("total=10ep | hold 10% to=50% -> hold to=1x", {"steps_per_epoch": 7}, {6: 0.5, 7: 1}),
    ("hold rest to=50% -> hold 5 to=1x", {"total": 50}, {44: 0.5, 45: 1}),
    ("hold 5 -> (hold rest to=50% -> hold 5 to=1x)", {"total": 50}, {5: 0.5, 44: 0.5, 45: 1}),
    ("step every=0.5ep gamma=0.5", {"steps_per_epoch": 5}, {2: 1, 3: 0.5, 5: 0.25, 8: 0.125}),
    ("multistep at=[2, 4]ep gamma=0.5", {"steps_per_epoch": 5}, {9: 1, 10: 0.5, 19: 0.5, 20: 0.25}),
    # ── The rest of the total: what never ends takes nothing of it ──
    ("warmup 10 from=0 -> linear rest -> hold", {"total": 100}, {5: 0.5, 10: 1, 55: 0.5, 100: 0}),
    ("hold 10 -> linear rest to=50% -> plateau", {"total": 50}, {30: 0.75, 50: 0.5, FAR: 0.5}),
    ("hold rest to=50% -> step every=3 gamma=0.5", {"total": 9}, {8: 0.5, 9: 0.5, 12: 0.25}),
    ("hold rest to=50% -> hold to=1x", {"total": 9}, {8: 0.5, 9: 1}),
    ("hold rest to=50% -> (hold 5 to=20% -> hold to=1x)", {"total": 50}, {44: 0.5, 45: 0.2, 50: 1}),
    ("(hold rest to=50% -> hold 5 to=20%) -> hold to=1x", {"total": 50}, {44: 0.5, 45: 0.2, 50: 1}),
    ("hold rest to=50% -> (hold 5 to=20%) x inf", {"total": 50}, {49: 0.5, 50: 0.2}),
    ("hold rest to=50% -> (hold 5 to=20%) x 2", {"total": 50}, {39: 0.5, 40: 0.2}),
    ("hold rest to=80% -> hold 5 to=50% * hold", {"total": 50}, {49: 0.8, 50: 0.4}),
    # ── Where no level is a share, there is no base ──
    ("cosine 100% from=0.996 to=1", {"lr": None, "total": 10}, {0: 0.996, 5: 0.998, 10: 1, FAR: 1}),
    ("linear 10k to=1 from=0", {"lr": None}, {0: 0, 2500: 0.25, 10_000: 1}),
    ("exp 100k from=32 to=2048", {"lr": None}, {0: 32, 50_000: 256, 100_000: 2048}),
    ("cyclic up=3 min=0.1 max=0.5", {"lr": None}, {0: 0.1, 3: 0.5, 6: 0.1}),
    ("onecycle 10 max=0.5", {"lr": None}, {0: 0.02, 2: 0.5, 9: 2e-6}),
    ("warmup 5 from=0 to=0.3 -> cosine 10", {"lr": None}, {0: 0, 5: 0.3, 10: 0.15, 15: 0}),
    ("hold 5 to=0.4 -> hold 3 * linear 2 to=50%", {"lr": None}, {4: 0.4, 6: 0.3, 7: 0.2}),
    ("linear 10 from=0 to=1", {"lr": 0.1}, {0: 0, 5: 0.5, 10: 1}),
    # ── Below 0 by no more than the rounding ──
    ("fn 3 {0.3 - 0.1 * t}", {}, {0: 0.3, 2: 0.1, 3: 0, FAR: 0}),
    ("cyclic up=7/3 min=0", {}, {0: 0, 7: 1, 14: 0, 3598: 0}),
    # ── Plateau, as if the metric always improved ──
    ("linear 10 to=50% -> plateau", {}, {9: 0.55, 10: 0.5, FAR: 0.5}),
]


@pytest.mark.parametrize(("text", "binding", "values"), BY_HAND, ids=lambda x: str(x)[:60])
def test_by_hand(text: str, binding: dict[str, Any], values: dict[int, float]) -> None:
    program = schedlang.parse(text).bind(**{"lr": 1.0, **binding})
    for tick, value in values.items():
        near = pytest.approx(value, rel=1e-9, abs=1e-15)
        assert program.at(tick) == near, f"at tick {tick}"
        if tick < FAR:
            assert program.curve(tick + 1)[tick] == near, f"curve at tick {tick}"


@pytest.mark.parametrize("base", [0.1, 3.0])
@pytest.mark.parametrize("case", VALUES, ids=str)
def test_absolute_values_are_those_of_any_base(case: Case, base: float) -> None:
    program = schedlang.parse(case.text).bind(**case.binding)
    assert (program.base, program.in_shares, program.needs_base) == (None, False, False)
    ticks = program.length or 30
    assert program.curve(ticks + 5).tolist() == program.rebase(base).curve(ticks + 5).tolist()


# text, binding, the first tick of each piece (of the first track) from the second on, the length
BOUNDARIES: list[tuple[str, dict[str, Any], list[int], int | None]] = [
    ("warmup 10 -> cosine 90", {}, [10, 100], 100),
    ("hold 10% -> hold 10% -> hold rest", {"total": 1234}, [123, 247, 1234], 1234),  # 123.4, 246.8
    ("hold 0.5ep -> hold 0.5ep -> hold 1ep", {"steps_per_epoch": 5}, [3, 5, 10], 10),  # 2.5 goes up
    ("hold 0.3ep -> hold 0.3ep -> hold 0.4ep", {"steps_per_epoch": 5}, [2, 3, 5], 5),  # 1.5, 3, 5
    ("(hold 0.5ep) x 4", {"steps_per_epoch": 5}, [3, 5, 8, 10], 10),
    ("(hold 0.1ep) x 10 -> hold 1ep", {"steps_per_epoch": 5}, [1, 2, 3, 4, 5, 10], 10),
    ("(hold 1/3ep) x 3 -> hold 1ep", {"steps_per_epoch": 10}, [3, 7, 10, 20], 20),
    ("hold 0.25ep -> (hold 0.5ep * hold 0.25ep)", {"steps_per_epoch": 10}, [3, 8], 8),  # 2.5, 7.5
    ("hold 1/3ep -> linear 1ep skip=0.25ep", {"steps_per_epoch": 10}, [3, 10], 10),  # 3.33 + 10 - 3
    ("hold 0 -> hold 5", {}, [5], 5),
    ("hold 5", {"total": 100}, [5], 5),
    ("hold until 33% -> hold rest", {"total": 10}, [3, 10], 10),
    ("restarts first=2.5 cycles=3 -> hold 1", {}, [8, 9], 9),  # 7.5, 8.5
    ("exp gamma=0.5", {}, [], None),
    ("hold 5 -> (hold 3) x inf", {}, [5], None),
    ("(hold 5) * exp gamma=0.9", {}, [5], None),
    ("hold 5 -> plateau", {}, [5], None),
]


@pytest.mark.parametrize(("text", "binding", "begins", "length"), BOUNDARIES)
def test_boundaries(
    text: str, binding: dict[str, Any], begins: list[int], length: int | None
) -> None:
    program = schedlang.parse(text).bind(lr=0.1, **binding)
    assert [piece.begin for piece in program.pieces][1:] == begins
    assert program.length == length
    for before, after in pairwise(program.pieces):
        assert before.end == after.begin


# text, binding, what one tick is
CLOCKS: list[tuple[str, dict[str, Any], str | None]] = [
    ("cosine 90", {}, None),
    ("cosine 90", {"clock": "epoch"}, "epoch"),
    ("cosine 90", {"clock": "step"}, "step"),
    ("cosine 90", {"clock": "step", "steps_per_epoch": 5}, "step"),
    ("clock=epoch | cosine 90", {}, "epoch"),
    ("cosine 90st", {}, "step"),
    ("cosine 90ep", {}, "epoch"),
    ("cosine 90ep", {"steps_per_epoch": 5}, "step"),
    ("cosine 90ep", {"steps_per_epoch": 5, "clock": "epoch"}, "epoch"),
    ("warmup 5st -> cosine 90ep", {"steps_per_epoch": 5}, "step"),
    ("cosine 2B tok", {"tokens_per_step": "1M"}, "step"),
    ("cosine 2k ex", {"samples_per_step": 10}, "step"),
    ("cosine 90%", {"total": "10ep"}, "epoch"),
    ("cosine 90%", {"total": "10st"}, "step"),
    ("cosine 90%", {"total": 10}, None),
    ("cosine 90%", {"total": "10ep", "steps_per_epoch": 5}, "step"),
    ("linear 5 -> exp gamma=0.9", {}, None),
]


@pytest.mark.parametrize(("text", "binding", "tick"), CLOCKS)
def test_clock(text: str, binding: dict[str, Any], tick: str | None) -> None:
    assert schedlang.parse(text).bind(lr=0.1, **binding).tick == tick


@pytest.mark.parametrize(
    ("text", "total", "message"),
    [
        ("warmup 10 -> cosine 90", 50, "the phases take 100 ticks, but the total is 50 ticks"),
        ("cosine 9", 1, "the phases take 9 ticks, but the total is 1 tick"),
        ("(cosine 9 -> hold)", 5, "the phases take 9 ticks, but the total is 5 ticks"),
        ("(cosine 9 -> hold 3) x inf", 5, None),
    ],
)
def test_a_run_shorter_than_the_line_is_warned_of(
    text: str, total: int, message: str | None
) -> None:
    schedule = schedlang.parse(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        program = schedule.bind(lr=0.1, total=total)
    said = [f"{message}: training ends first"] if message else []
    assert [str(warning.message) for warning in caught] == said
    assert program.at(9).hex() == schedule.bind(lr=0.1).at(9).hex()


@pytest.mark.parametrize(
    ("text", "base", "values"),
    [
        ("cosine 10", 0.0, {0: 0, 5: 0, 10: 0}),
        ("warmup 10 -> hold", 0.0, {0: 0, 5: 0, 10: 0}),
        ("warmup exp 10 -> exp 5 to=1%", 0.0, {0: 0, 5: 0, 12: 0}),
        ("onecycle 10 -> restarts first=3", 0.0, {0: 0, 3: 0, 12: 0}),
        ("fn {1 + t}", 0.0, {0: 0, 5: 0}),
        ("linear 10 to=1e-2", 0.2, {0: 0.2, 5: 0.105, 10: 0.01}),
        ("linear 10 to=10%", 0.2, {0: 0.2, 10: 0.02}),
        ("exp 10 from=0.04 to=1%", 1.0, {5: 0.02}),
    ],
)
def test_another_base(text: str, base: float, values: dict[int, float]) -> None:
    program = schedlang.parse(text).bind(lr=0.1).rebase(base)
    for tick, value in values.items():
        assert program.at(tick) == pytest.approx(value, rel=1e-12, abs=1e-15)


def test_the_base_stays_open() -> None:
    program = schedlang.parse("linear 10 to=1e-2 -> linear 10 to=10%").bind(lr=0.1).rebase(None)
    assert program.base is None
    assert program.rebase(0.2).at(15) == pytest.approx(0.015)


MOMENTA: list[tuple[str, dict[int, float]]] = [
    ("cyclic up=10 min=1% momentum=[0.8, 0.9]", {0: 0.9, 5: 0.85, 10: 0.8, 20: 0.9, 30: 0.8}),
    ("cyclic 15 up=10 min=1% momentum=[0.8, 0.9] -> hold 5", {10: 0.8, 15: 0.85, FAR: 0.85}),
    ("cyclic up=10 min=1% mode=triangular2 momentum=[0.8, 0.9]", {10: 0.8, 30: 0.85, 50: 0.875}),
    ("onecycle 100 momentum=[0.85, 0.95]", {0: 0.95, 29: 0.85, 99: 0.95, 100: 0.95, FAR: 0.95}),
    ("onecycle 100 three_phase=true momentum=[0, 0.9]", {0: 0.9, 29: 0, 58: 0.9, 70: 0.9}),
    ("cyclic 15 up=10 min=1% skip=4 momentum=[0.8, 0.9]", {0: 0.86, 6: 0.8, 11: 0.85, FAR: 0.85}),
    ("warmup 5 -> onecycle 10 momentum=[0.85, 0.95]", {5: 0.95, 7: 0.85, 14: 0.95, FAR: 0.95}),
    (
        "cyclic 10 up=10 min=1% momentum=[0.8, 0.9] -> hold 5 -> onecycle 10 momentum=[0, 0.5]",
        {0: 0.9, 9: 0.81, 10: 0.8, 14: 0.8, 15: 0.5, 17: 0, FAR: 0.5},
    ),
]


@pytest.mark.parametrize(("text", "values"), MOMENTA)
def test_momentum(text: str, values: dict[int, float]) -> None:
    momentum = schedlang.parse(text).bind(lr=0.1).momentum
    assert momentum is not None
    for tick, value in values.items():
        assert momentum.at(tick) == pytest.approx(value, rel=1e-12, abs=1e-15), f"at tick {tick}"


def test_unsaid_no_momentum_moves() -> None:
    assert schedlang.parse("onecycle 10 -> cyclic up=3 min=0").bind(lr=0.1).momentum is None


# ── The oracle ───────────────────────────────────────────────────────────────────────────────────


def _ticks(program: Program) -> list[int]:
    """Every tick of a short run, the telling ones of a long one; none far into an endless one."""
    if program.length is None:
        return sorted({*range(150), *(tick for tick in ticks_of(program) if tick < 1000)})
    return sorted({*range(min(program.length, 300) + 2), *ticks_of(program)})


def _compare_with_oracle(case: Case) -> None:
    program = case.bind()
    ticks = _ticks(program)
    tree = schedlang.parse(case.text).model_dump()
    line = interpret(tree, case.lr, case.binding, max(ticks))
    assert program.length == (None if line.end is None else nearest(line.end))
    for tick in ticks:
        value = line.at(tick)
        near = pytest.approx(value, rel=1e-9, abs=1e-13 * case.lr)
        assert program.at(tick) == near, f"tick {tick} of {case.text!r} under {case.binding}"
        if program.momentum is not None and (moved := line.momentum(tick)) is not None:
            assert program.momentum.at(tick) == pytest.approx(moved, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_cases_agree_with_the_oracle(case: Case) -> None:
    _compare_with_oracle(case)


@given(schedules(momentum=True))
def test_any_schedule_agrees_with_the_oracle(case: Case) -> None:
    _compare_with_oracle(case)


@given(schedules(max_depth=3, plateau=True))
def test_any_schedule_that_ends_in_a_plateau_does(case: Case) -> None:
    _compare_with_oracle(case)


def test_a_wrong_value_is_seen() -> None:
    case = Case("", "linear 10 to=50%")
    line = interpret(schedlang.parse("linear 10 to=50.00001%").model_dump(), 0.1, {}, 20)
    program = case.bind()
    assert any(abs(program.at(t) - line.at(t)) > 1e-9 * line.at(t) for t in _ticks(program))
