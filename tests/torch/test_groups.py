"""Optimizers of every make, which train."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LRScheduler

import schedlang
from tests.torch.rig import ENGINES, close, look, sgd


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


WRONG_FOR_A_GROUP: list[tuple[str, list[float], str]] = [
    # line, the groups' rates, the message
    (
        "cosine 90 min=1e-2",
        [0.1, 1e-3],
        (
            "error[decay-rises]: this phase with `min=` goes up: from 0.001 to 0.01"
            " (parameter group 1)\n"
            "  |\n"
            "1 | cosine 90 min=1e-2\n"
            "  |               ^^^^ write `to=`, which may go up"
        ),
    ),
    (
        "cosine 90 min=1e-2",
        [1e-3],
        (
            "error[decay-rises]: this phase with `min=` goes up: from 0.001 to 0.01\n"
            "  |\n"
            "1 | cosine 90 min=1e-2\n"
            "  |               ^^^^ write `to=`, which may go up"
        ),
    ),
    (
        "warmup 5 to=1e-3 -> hold",
        [0.1, 0.1, 0.0],
        (
            "error[no-base]: the absolute level `0.001` cannot apply to a parameter group at rate 0"
            " (parameter group 2)\n"
            "  |\n"
            "1 | warmup 5 to=1e-3 -> hold\n"
            "  |             ^^^^ write a share of the base (10%)"
        ),
    ),
    (
        "(step 4 every=2 min=1e-3) x inf",
        [1e-3, 0.1],
        (
            "error[repeat-differs]: every round of `x inf` must start at the same level; this"
            " one drifts (parameter group 1)\n"
            "  |\n"
            "1 | (step 4 every=2 min=1e-3) x inf\n"
            "  |  ^^^^^^^^^^^^^^^^^^^^^^^ end the round on the level at which it starts"
        ),
    ),
]


@pytest.mark.parametrize("engine", ["auto", "fused"])
@pytest.mark.parametrize(("line", "rates", "message"), WRONG_FOR_A_GROUP)
def test_a_line_that_is_wrong_for_one_group(
    line: str, rates: list[float], message: str, engine: Literal["auto", "fused"]
) -> None:
    with pytest.raises(schedlang.ScheduleError) as caught:
        schedlang.parse(line).to_torch(sgd(*rates), engine=engine)
    assert str(caught.value) == message
