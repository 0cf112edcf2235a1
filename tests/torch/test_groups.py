"""Optimizers of every make, which train."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LRScheduler

import schedlang
from tests.torch.rig import ENGINES, close, look


def _parameter() -> torch.Tensor:
    return torch.zeros(1, requires_grad=True)


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


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
@pytest.mark.parametrize(("make", "arguments"), MAKES)
def test_optimizers_that_train(make: Any, arguments: dict[str, Any], engine: Any) -> None:
    weight = torch.ones(4, requires_grad=True)
    if engine == "chain" and isinstance(arguments.get("lr"), torch.Tensor):
        pytest.skip("the chain refuses tensor rates")
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
