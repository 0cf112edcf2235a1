"""PyTorch: a step of each engine beside what one would write by hand. Read each group's ratios."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR

import schedlang

STEPS = 5000
WARM = 500
LINE = f"warmup {WARM} from=0.1% -> cosine {STEPS - WARM}"


GROUPS = {
    "1 group": [0.1],
    "100 groups": [0.1] * 100,
    "100 groups of their own rates": [0.1 + i / 1000 for i in range(100)],
}


def optimizer(rates: list[float]) -> Optimizer:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates]
    return SGD(groups, lr=0.1)


def by_hand(on: Optimizer) -> Any:
    """The chain that one writes without schedlang."""
    children = [
        LinearLR(on, start_factor=0.001, total_iters=WARM),
        CosineAnnealingLR(on, T_max=STEPS - WARM),
        ConstantLR(on, factor=0.0, total_iters=2**53),
    ]
    return SequentialLR(on, children, [WARM, STEPS])


def as_transformers(on: Optimizer) -> Any:
    """``get_cosine_schedule_with_warmup`` of transformers: its ``LambdaLR`` (warming up from 0)."""

    def share(step: int) -> float:
        if step < WARM:
            return float(step) / float(max(1, WARM))
        progress = float(step - WARM) / float(max(1, STEPS - WARM))
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * 0.5 * 2.0 * progress)))

    return LambdaLR(on, share)


class OnlyAssigns:
    """The least that a scheduler can do: the rates are there, and are assigned."""

    def __init__(self, on: Optimizer) -> None:
        self.on = on
        shares = schedlang.parse(LINE).bind().curve(STEPS + 1).tolist()
        bases = [group["lr"] for group in on.param_groups]
        self.rates = iter([[share * base for base in bases] for share in shares])

    def step(self) -> None:
        for group, rate in zip(self.on.param_groups, next(self.rates), strict=True):
            group["lr"] = rate


def chain(on: Optimizer) -> Any:
    return schedlang.parse(LINE).to_torch(on, engine="chain")


def fused(on: Optimizer) -> Any:
    return schedlang.parse(LINE).to_torch(on, engine="fused")


WAYS: dict[str, Callable[[Optimizer], Any]] = {
    "a loop that only assigns": OnlyAssigns,
    "fused": fused,
    "chain": chain,
    "SequentialLR by hand": by_hand,
    "transformers' LambdaLR": as_transformers,
}


@pytest.mark.benchmark(group="torch: a whole run of steps; fused 4 times, with 100 groups 8 times")
@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("way", WAYS)
def test_steps(benchmark: Any, way: str, groups: str) -> None:
    steps = STEPS if groups == "1 group" else 500

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        on = optimizer(GROUPS[groups])
        scheduler = WAYS[way](on)
        on.step()
        return (scheduler,), {}

    def run(scheduler: Any) -> None:
        step = scheduler.step
        for _ in range(steps):
            step()

    benchmark.extra_info["updates"] = steps
    benchmark.pedantic(run, setup=setup, rounds=10, warmup_rounds=1)


PLAN = {"lr": LINE, "weight_decay": f"cosine {STEPS} to=10x"}


class AssignsTwice:
    """Two loops by hand: the rate and the weight decay of each group, computed from its base."""

    def __init__(self, on: Optimizer) -> None:
        self.on = on
        bound = schedlang.Plan(PLAN).bind()
        curves = (bound[key].curve(STEPS + 1).tolist() for key in ("lr", "weight_decay"))
        self.shares = iter(zip(*curves, strict=True))
        for group in on.param_groups:
            group["base_lr"], group["base_weight_decay"] = group["lr"], group["weight_decay"]

    def step(self) -> None:
        rate, decay = next(self.shares)
        for group in self.on.param_groups:
            group["lr"] = rate * group["base_lr"]
        for group in self.on.param_groups:
            group["weight_decay"] = decay * group["base_weight_decay"]


def plan(on: Optimizer) -> Any:
    return schedlang.Plan(PLAN).to_torch(on)


def plan_of_one_line(on: Optimizer) -> Any:
    return schedlang.Plan({"lr": LINE}).to_torch(on, engine="fused")


PLANS: dict[str, Callable[[Optimizer], Any]] = {
    "two loops by hand": AssignsTwice,
    "a plan of two lines": plan,
    "a line, fused": fused,
    "a plan of one line": plan_of_one_line,
}


def decayed(rates: list[float]) -> Optimizer:
    on = optimizer(rates)
    for i, group in enumerate(on.param_groups):
        group["weight_decay"] = 0.01 + i / 1e4
    return on


@pytest.mark.benchmark(group="torch: plans; two hyperparameters at most twice the loops by hand")
@pytest.mark.parametrize("groups", ["100 groups", "100 groups of their own rates"])
@pytest.mark.parametrize("way", PLANS)
def test_plans(benchmark: Any, way: str, groups: str) -> None:
    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        on = decayed(GROUPS[groups])
        scheduler = PLANS[way](on)
        on.step()
        return (scheduler,), {}

    def run(scheduler: Any) -> None:
        step = scheduler.step
        for _ in range(500):
            step()

    benchmark.extra_info["updates"] = 500
    benchmark.pedantic(run, setup=setup, rounds=10, warmup_rounds=1)
