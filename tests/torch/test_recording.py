"""`record` and `compare`: any scheduler, seen without stepping it."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

import schedlang
from schedlang.torch import record
from tests.torch.rig import ENGINES, OLD_PROTOCOL, look, sgd, train

THEIRS: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3}),
    ("MultiStepLR", {"milestones": [3, 6]}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30}),
    ("LambdaLR", {"lr_lambda": lambda tick: 0.9**tick}),
]


@pytest.mark.parametrize(("name", "arguments"), THEIRS)
def test_record_disturbs_nothing(name: str, arguments: dict[str, Any]) -> None:
    optimizer = sgd(0.1, 0.2)
    scheduler: LRScheduler = getattr(lr_scheduler, name)(optimizer, **arguments)
    train(scheduler, 2)
    parameters = [group["params"] for group in optimizer.param_groups]
    before = {k: v for k, v in scheduler.state_dict().items() if not callable(v)}
    recorded = [record(scheduler, 20, group=group) for group in (0, 1)]
    assert recorded[0].shape == (20,)
    assert {k: v for k, v in scheduler.state_dict().items() if not callable(v)} == before
    assert [group["params"] for group in optimizer.param_groups] == parameters
    for tick, seen in enumerate(train(scheduler, 20)):
        assert seen.rates == [rates[tick] for rates in recorded]


@pytest.mark.parametrize("engine", ENGINES)
def test_record_ours(engine: Any) -> None:
    line = schedlang.parse("warmup 3 -> cosine 9")
    scheduler = line.to_torch(sgd(0.1), engine=engine)
    assert record(scheduler, 20) == pytest.approx(line.bind(lr=0.1).curve(20))
    assert scheduler.last_epoch == 0


def test_record_a_plateau() -> None:
    optimizer = sgd(0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    assert record(scheduler, 4, metrics=[1.0, 1.0, 0.5]).tolist() == [0.1, 0.1, 0.05, 0.05]
    assert look(optimizer).rates == [0.1]


@pytest.mark.filterwarnings(OLD_PROTOCOL)
def test_compare() -> None:
    line = "warmup 5 from=1/3x -> cosine 20"
    optimizer = sgd(0.1, 0.2)
    children = [
        lr_scheduler.LinearLR(optimizer, 1 / 3, total_iters=5),
        lr_scheduler.CosineAnnealingLR(optimizer, 20),
    ]
    theirs = lr_scheduler.SequentialLR(optimizer, children, [5])
    assert schedlang.compare(line, theirs) is None
    train(theirs, 7)
    assert schedlang.compare(line, theirs) is None  # from its present tick on
    recorded = look(optimizer).rates
    found = schedlang.compare(line, theirs, 40)  # PyTorch's cosine rises again
    assert found is not None
    assert (found.tick, found.group) == (26, 0)
    assert str(found) == "tick 26, group 0: the schedule has 0, the scheduler 0.00061558297"
    (seen,) = train(theirs, 1)
    assert seen.rates == recorded


def test_compare_metrics_and_overwritten_bases() -> None:
    plateau = lr_scheduler.ReduceLROnPlateau(sgd(0.1), factor=0.5, patience=1)
    metrics = [3.0, 3.0, 3.0, 2.0] * 5
    assert schedlang.compare("plateau factor=0.5 patience=1", plateau, 20, metrics=metrics) is None
    other = schedlang.compare("plateau factor=0.5 patience=2", plateau, 20, metrics=metrics)
    assert other is not None
    onecycle = lr_scheduler.OneCycleLR(sgd(0.1), 0.1, 30)
    line = "onecycle 30 momentum=[0.85, 0.95]"
    assert schedlang.compare(line, onecycle, lr=0.1) is None
    with pytest.raises(ValueError, match=r"^this schedule never ends: pass steps=$"):
        schedlang.compare("hold", onecycle, lr=0.1)
