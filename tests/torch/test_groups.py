"""Parameter groups: a base each, and groups that come later; optimizers of every make."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LRScheduler

import schedlang
from tests.torch.rig import ENGINES, close, look, sgd, train


def _parameter() -> torch.Tensor:
    return torch.zeros(1, requires_grad=True)


@pytest.mark.parametrize("line", ["warmup 5 -> cosine 20 min=1%", "warmup 5 -> cosine 20 min=1e-3"])
def test_an_added_group_is_taken_up(line: str) -> None:
    schedule = schedlang.parse(line)
    optimizer = sgd(0.1)
    scheduler = schedule.to_torch(optimizer, engine="fused")
    train(scheduler, 9)
    optimizer.add_param_group({"params": [_parameter()], "lr": 0.5})
    optimizer.step()
    scheduler.step()
    for tick in range(10, 30):
        for rate, base in zip(look(optimizer).rates, (0.1, 0.5), strict=True):
            assert close(rate, schedule.bind(lr=base).at(tick), base)
        assert scheduler.get_last_lr() == look(optimizer).rates
        optimizer.step()
        scheduler.step()
    assert scheduler.state_dict()["bases"] == [0.1, 0.5]


def test_an_added_group_joins_a_reduced_plateau() -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("hold 1 -> plateau factor=0.5 patience=0").to_torch(optimizer)
    train(scheduler, 5, [1.0] * 5)
    optimizer.add_param_group({"params": [_parameter()], "lr": 0.8})
    scheduler.step(0.5)
    assert look(optimizer).rates == pytest.approx([0.1 / 8, 0.8 / 8])


def test_an_added_group_for_which_the_schedule_is_wrong_is_refused() -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("lr=0.1 | cosine 9").to_torch(optimizer, engine="fused")
    optimizer.add_param_group({"params": [_parameter()], "lr": 0.5})
    optimizer.step()
    with pytest.raises(schedlang.ScheduleError, match="base-differs"):
        scheduler.step()


@pytest.mark.parametrize("line", ["cosine 9", "step every=3", "inverse_time rate=1", "plateau"])
def test_an_added_group_is_reported_by_the_chain(line: str) -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse(line).to_torch(optimizer, engine="chain")
    optimizer.add_param_group({"params": [_parameter()], "lr": 0.5})
    optimizer.step()
    with pytest.raises(ValueError) as reported:  # noqa: PT011  # the whole text is compared
        scheduler.step(*([1.0] if line == "plateau" else []))
    assert str(reported.value) == (
        "this scheduler was built for 1 parameter groups and now there are 2: "
        'build it anew with start=0, or with engine="fused", which takes added groups up'
    )
    assert scheduler.last_epoch == 0


MAKES: list[tuple[Any, dict[str, Any]]] = [
    (SGD, {"foreach": True}),
    (SGD, {"fused": True}),
    (Adam, {"foreach": True}),
    (Adam, {"fused": True}),
    (Adam, {"fused": True, "lr": torch.tensor(0.1)}),
    (AdamW, {"foreach": False}),
    (AdamW, {"fused": True}),
    (AdamW, {"lr": torch.tensor(0.1), "foreach": False}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("make", "arguments"), MAKES)
def test_optimizers_that_train(make: Any, arguments: dict[str, Any], engine: Any) -> None:
    weight = torch.ones(4, requires_grad=True)
    arguments = {"lr": 0.1, **copy.deepcopy(arguments)}  # a tensor is written into
    optimizer = make([weight], **arguments)
    schedule = schedlang.parse("warmup 3 -> cosine 6 min=1%")
    scheduler = schedule.to_torch(optimizer, engine=engine)
    assert isinstance(scheduler, LRScheduler)
    for tick in range(12):
        assert close(look(optimizer).rates[0], schedule.bind(lr=0.1).at(tick), 0.1, 1e-6)
        optimizer.zero_grad()
        weight.grad = 2 * weight.detach()
        optimizer.step()
        scheduler.step()
    assert float(weight.detach().square().sum()) < 4.0
