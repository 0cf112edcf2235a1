"""Emitted PyTorch that remembers (`plateau`, momentum) does what the live scheduler does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import schedlang
from tests.cases import golden
from tests.emit.conftest import run
from tests.emit.run import trace

TICKS = 60
PLATEAUS = [
    "plateau factor=0.5 patience=1",
    "plateau mode=max patience=0 cooldown=2 threshold=0.05 threshold_mode=abs min=1%",
    "plateau mode=max factor=0.3 patience=2 threshold=0.1 min=2e-3",
    "warmup 5 -> plateau factor=0.5 patience=1",
    "warmup 5 -> linear 7 to=50% -> plateau factor=0.7 patience=0 min=1% cooldown=1",
    "hold 3 to=3e-3 -> plateau factor=0.5 patience=0 threshold_mode=abs eps=0",
    "onecycle 12 momentum=[0.85, 0.95] -> plateau factor=0.5 patience=1 min=1e-7",
]
MOMENTA = [
    "onecycle 30 momentum=[0.85, 0.95]",
    "warmup 5 -> onecycle 30 momentum=[0.85, 0.95] -> hold 5 to=1%",
    "warmup 4 -> cyclic up=5 min=10% max=1x momentum=[0.8, 0.9]",
    "cyclic up=5 down=3 min=1e-3 max=2e-2 momentum=[0.8, 0.9]",
    "(onecycle 10 momentum=[0.7, 0.9] -> hold 3) x 3",
]


def metrics(seed: int) -> list[float]:
    """Noise over a slow improvement."""
    rng = random.Random(seed)
    return [1 / (1 + tick / 20) + rng.uniform(0, 0.3) for tick in range(TICKS)]


def compared(text: str, path: Path, style: Any, **job: Any) -> dict[str, Any]:
    """A job whose values are what the live scheduler gives for it."""
    path.write_text(schedlang.parse(text).emit("torch", style=style), encoding="utf-8")
    whole: dict[str, Any] = {"name": f"{path.stem} [{text}]", "path": str(path)}
    whole |= {"target": "torch", "lr": []}
    whole |= {"groups": [0.1, 0.02, 0.5], "ticks": [TICKS - 1], "scale": 0.1, "metrics": []} | job

    def live(optimizer: Any) -> Any:
        return schedlang.parse(text).to_torch(optimizer, engine="fused")

    return {**whole, "want": trace(live, whole), "tolerance": 1e-9}


def test_plateaus_and_momenta_follow_the_live_scheduler(tmp_path: Path) -> None:
    jobs: list[dict[str, Any]] = []

    def add(text: str, **job: Any) -> None:
        style = ("native", "closed-form")[len(jobs) % 2]
        jobs.append(compared(text, tmp_path / f"case_{len(jobs)}.py", style, **job))

    for i, text in enumerate(PLATEAUS):
        for cut in (None, 3, 20):
            add(text, metrics=metrics(i), cut=cut)
            add(text, metrics=metrics(i + 100), cut=cut)
    for text in PLATEAUS[3:]:
        for seed in range(4):
            noise = [0.0] * 5 + metrics(seed)[5:]  # so good that nothing betters it, if it counted
            every = [m if tick % 3 == 1 else None for tick, m in enumerate(noise)]
            add(f"clock=step | {text}", metrics=every, observe=seed < 2, cut=(None, 10)[seed % 2])
    for text in MOMENTA:
        for adam in (False, True):
            for cut in (None, 3, 8, 33):
                add(text, adam=adam, cut=cut)
    reduced = [job for job in jobs if job["metrics"] and len(set(job["want"]["rates"])) > 3]
    assert len(reduced) > len(PLATEAUS)
    assert run(tmp_path, jobs) == []


def test_golden_plateaus(tmp_path: Path) -> None:
    cases = [case for case in golden() if case["schedule"].startswith("plateau")]
    assert len(cases) == 2
    jobs = []
    for i, case in enumerate(cases):
        path = tmp_path / f"case_{i}.py"
        path.write_text(schedlang.parse(case["schedule"]).emit("torch"), encoding="utf-8")
        job = {"name": case["name"], "path": str(path), "target": "torch", "lr": []}
        job |= {"groups": [case["lr"]], "metrics": case["metrics"], "scale": case["lr"]}
        job |= {"ticks": [len(case["values"]) - 1], "want": {"rates": case["values"]}}
        jobs.append({**job, "tolerance": 1e-9})
    assert run(tmp_path, jobs) == []


@pytest.mark.parametrize("text", ["onecycle 30 momentum=[0.85, 0.95]", MOMENTA[1]])
def test_an_optimizer_without_momentum_is_refused(text: str) -> None:
    import torch

    scope: dict[str, Any] = {}
    exec(schedlang.parse(text).emit("torch"), scope)  # our own source
    optimizer = torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        scope["build_scheduler"](optimizer)
    assert str(caught.value) == "this schedule moves the momentum, and the optimizer has none"


@pytest.mark.parametrize("text", ["hold 10 to=3e-3", "warmup 5 -> decay sqrt 20 min=1e-3"])
@pytest.mark.parametrize("style", ["native", "closed-form"])
def test_an_absolute_level_on_a_frozen_group_is_refused(text: str, style: Any) -> None:
    import torch

    scope: dict[str, Any] = {}
    exec(schedlang.parse(text).emit("torch", style=style), scope)  # our own source
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.0)]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        scope["build_scheduler"](torch.optim.SGD(groups))
    message = "an absolute level cannot apply to a parameter group at rate 0"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["onecycle 10", "warmup 5 -> cyclic up=5 min=10%", "cosine 9 min=1%"]
)
def test_shares_leave_a_frozen_group_at_0(text: str) -> None:
    import torch

    scope: dict[str, Any] = {}
    exec(schedlang.parse(text).emit("torch", style="closed-form"), scope)  # our own source
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.0)]
    optimizer = torch.optim.SGD(groups)
    scheduler = scope["build_scheduler"](optimizer)
    curve = schedlang.parse(text).bind(lr=0.1).curve(12)
    for rate in curve:
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-9, abs=1e-15)
        assert optimizer.param_groups[1]["lr"] == 0
        optimizer.step()
        scheduler.step()
