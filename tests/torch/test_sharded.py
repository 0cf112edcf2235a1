"""FSDP2 and torch.distributed.checkpoint on two processes: every update against the curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import schedlang
from tests.integrations.launching import launch

pytestmark = pytest.mark.skipif(
    torch.__version__ < "2.6",
    reason="the FSDP2 of PyTorch before 2.6 is a prototype, which does not run without a GPU",
)
RANKS = Path(__file__).with_name("sharded_ranks.py")
LINE = "warmup 10% -> cosine rest min=1%"
PLAN = {"lr": {"body": "cosine rest", "*": LINE}, "weight_decay": "linear 100% to=10x"}
GROUPS = {"lr": {"body": 0.01, "head": 0.1}, "weight_decay": {"body": 0.1, "head": 0.04}}
CHOICES = (
    'Give on_mismatch="keep-step" (the same tick) or "keep-fraction" (the same share of the total)'
)


def training(schedule: Any, begin: int, end: int, total: int = 20, **options: Any) -> Any:
    binding = {"total": total}
    if "on_mismatch" in options:
        binding["on_mismatch"] = options.pop("on_mismatch")
    return {"schedule": schedule, "binding": binding, "begin": begin, "end": end, **options}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The numbers of each update, or the error, of each training; all in one launch."""
    folder = tmp_path_factory.mktemp("checkpoints")
    trainings: dict[str, Any] = {}
    for name, schedule in (("line", LINE), ("plan", PLAN)):
        kept = str(folder / name)
        trainings |= {
            name: training(schedule, 0, 8, save=kept),
            f"{name} resumed": training(schedule, 8, 20, load=kept),
            f"{name} longer": training(schedule, 8, 40, 40, load=kept),
        }
        for policy, tick in (("keep-step", 8), ("keep-fraction", 16)):
            options = {"load": kept, "on_mismatch": policy}
            trainings[f"{name} {policy}"] = training(schedule, tick, 40, 40, **options)
    fewer = {"lr": PLAN["lr"]}
    trainings["plan with fewer lines"] = training(fewer, 8, 20, load=str(folder / "plan"))
    kept = str(folder / "stateful")
    trainings["stateful"] = training(PLAN, 0, 8, save=kept, form="stateful")
    trainings["stateful resumed"] = training(PLAN, 8, 20, load=kept, form="stateful")
    found: dict[str, Any] = json.loads(launch(2, RANKS, json.dumps(trainings)).splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("name", "begin", "end", "total"),
    [
        ("line", 0, 8, 20),
        ("line resumed", 8, 20, 20),
        ("line keep-step", 8, 40, 40),
        ("line keep-fraction", 16, 40, 40),
        ("plan", 0, 8, 20),
        ("plan resumed", 8, 20, 20),
        ("plan keep-step", 8, 40, 40),
        ("plan keep-fraction", 16, 40, 40),
        ("stateful", 0, 8, 20),
        ("stateful resumed", 8, 20, 20),
    ],
)
def test_every_update(seen: dict[str, Any], name: str, begin: int, end: int, total: int) -> None:
    lines: Any = {"lr": LINE, "weight_decay": "hold"} if name.startswith("line") else PLAN
    bound = schedlang.Plan(lines).bind(tuple(GROUPS["lr"]), total=total, **GROUPS)
    want = [
        {key: [bound[key][group].at(tick) for group in bases] for key, bases in GROUPS.items()}
        for tick in range(begin, end)
    ]
    assert len(seen[name]) == len(want)
    for ours, curve in zip(seen[name], want, strict=True):
        assert ours["lr"] == pytest.approx(curve["lr"], rel=1e-9)
        assert ours["weight_decay"] == pytest.approx(curve["weight_decay"], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("line longer", "total is 20 there, 40 here"),
        ("plan longer", "total is 20 there, 40 here"),
        (
            "plan with fewer lines",
            "`weight_decay` is `linear 100% to=10x` there, no line here",
        ),
    ],
)
def test_another_schedule_is_refused(seen: dict[str, Any], name: str, difference: str) -> None:
    assert seen[name] == f"this state belongs to another schedule: {difference}. {CHOICES}"
