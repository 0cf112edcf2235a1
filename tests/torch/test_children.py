"""Schedulers of ours inside those of PyTorch, and under code that steps them in its own way."""

from __future__ import annotations

import copy
import warnings
from functools import cache
from typing import Any

import pytest
from torch.optim.lr_scheduler import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)

import schedlang
from schedlang.program.program import Program
from tests.torch.rig import ENGINES, OLD_PROTOCOL, close, look, sgd

# Chains, single classes, and what only the fused engine can.
LINES = [
    "warmup 3 -> cosine 9",
    "cosine 5",
    "cosine 5 -> hold 3 to=50%",
    "linear 8 to=10%",
    "poly 8 power=2",
    "step every=3 gamma=0.5",
    "exp gamma=0.9",
    "multistep at=[2, 5]",
    "restarts first=3 mult=2",
    "cyclic up=2 min=10%",
    "onecycle 12",
    "inverse_time rate=0.1",
    "warmup 2 -> onecycle 12 momentum=[0.8, 0.9]",
]
BASES = (0.1, 0.3)


class OldSequential(LRScheduler):
    """The protocol of releases such as 2.4, on any PyTorch: ``step(0)`` where a child begins."""

    def __init__(self, optimizer: Any, children: list[LRScheduler], milestones: list[int]) -> None:
        self.children, self.milestones = children, milestones
        self.optimizer, self.last_epoch = optimizer, 0
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for child in children:
            child.last_epoch -= 1
        children[0]._initial_step()

    def step(self) -> None:  # type: ignore[override]  # as PyTorch's
        self.last_epoch += 1
        index = sum(milestone <= self.last_epoch for milestone in self.milestones)
        child = self.children[index]
        if index and self.milestones[index - 1] == self.last_epoch:
            child.step(0)
        else:
            child.step()

    def state_dict(self) -> dict[str, Any]:
        return {"tick": self.last_epoch, "children": [each.state_dict() for each in self.children]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_epoch = state_dict["tick"]
        for child, state in zip(self.children, state_dict["children"], strict=True):
            child.load_state_dict(state)


OUTER = [SequentialLR, OldSequential]


def build(outer: Any, order: str, line: str, engine: Any) -> Any:
    """Ours is one of the children: first, later, last, or all of them."""
    optimizer = sgd(*BASES)
    schedule = schedlang.parse(line)

    def ours() -> LRScheduler:
        named: Any = "auto" if "momentum" in line else engine
        return schedule.to_torch(optimizer, engine=named)

    def theirs(factor: float) -> LRScheduler:
        return ConstantLR(optimizer, factor, total_iters=1000)

    if order == "ours first":
        children = [ours(), theirs(0.5)]
    elif order == "ours later":
        children = [theirs(0.5), ours(), theirs(0.25)]
    elif order == "ours last":
        children = [LinearLR(optimizer, 0.5, total_iters=6), ours()]
    else:
        children = [ours(), ours(), ours()]
    return outer(optimizer, children, [6, 14][: len(children) - 1])


@cache
def bound(line: str, base: float) -> Program:
    return schedlang.parse(line).bind(lr=base)


def expected(order: str, line: str, tick: int, base: float) -> float:
    program = bound(line, base)
    first, later = tick < 6, 6 <= tick < 14
    match order:
        case "ours first":
            return program.at(tick) if first else 0.5 * base
        case "ours later":
            return program.at(tick - 6) if later else (0.5 if first else 0.25) * base
        case "ours last":
            return base * (0.5 + 0.5 * tick / 6) if first else program.at(tick - 6)
        case _:
            return program.at(tick if first else tick - 6 if later else tick - 14)


def check(scheduler: Any, order: str, line: str, first: int, last: int) -> None:
    for tick in range(first, last):
        for rate, base in zip(look(scheduler.optimizer).rates, BASES, strict=True):
            assert close(rate, expected(order, line, tick, base), base), (tick, rate)
        scheduler.optimizer.step()
        scheduler.step()


ORDERS = ["ours first", "ours later", "ours last", "all ours"]


@pytest.mark.filterwarnings(OLD_PROTOCOL)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("line", LINES)
def test_as_a_child_of_sequential_lr(line: str, order: str, outer: Any, engine: Any) -> None:
    check(build(outer, order, line, engine), order, line, 0, 20)


@pytest.mark.filterwarnings(OLD_PROTOCOL)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("line", ["warmup 3 -> cosine 9", "step every=3 gamma=0.5"])
@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_a_state_of_the_outer_scheduler(
    line: str, order: str, outer: Any, engine: Any, first: str
) -> None:
    for cut in (3, 6, 9, 20):
        scheduler = build(outer, order, line, engine)
        check(scheduler, order, line, 0, cut)
        states = copy.deepcopy([scheduler.optimizer.state_dict(), scheduler.state_dict()])
        resumed = build(outer, order, line, engine)
        if first == "optimizer":
            resumed.optimizer.load_state_dict(states[0])
        resumed.load_state_dict(states[1])
        if first == "scheduler":
            resumed.optimizer.load_state_dict(states[0])
        check(resumed, order, line, cut, 30)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_other_children_set_is_no_change_and_no_stale_base(engine: Any) -> None:
    optimizer = sgd(0.1)
    exponential = ExponentialLR(optimizer, 0.5)
    step = StepLR(optimizer, 2)
    ours = schedlang.parse("warmup 2 -> cosine 5").to_torch(optimizer, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error", schedlang.ScheduleWarning)
        warnings.filterwarnings("ignore", "The epoch parameter")
        outer = SequentialLR(optimizer, [exponential, step, ours], [3, 6])
        for _ in range(15):
            optimizer.step()
            outer.step()


@pytest.mark.parametrize("line", ["warmup 2 -> plateau", "plateau"])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("outer", OUTER)
def test_a_plateau_is_no_child(line: str, place: int, outer: Any) -> None:
    optimizer = sgd(0.1)
    children: list[Any] = [ConstantLR(optimizer, 1.0)]
    children.insert(place, schedlang.parse(line).to_torch(optimizer, engine="fused"))
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        outer(optimizer, children, [4])
    assert str(refused.value) == (
        "`plateau` needs a metric, which another scheduler does not pass on: "
        "write the phases before it in the line, as in `warmup 5 -> plateau`"
    )


# ---------------------------------------------------------------------- what PyTorch's classes have


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", LINES[:-1])
def test_what_every_scheduler_of_pytorch_has(line: str, engine: Any) -> None:
    optimizer = sgd(*BASES)
    scheduler: Any = schedlang.parse(line).to_torch(optimizer, engine=engine)
    assert scheduler.base_lrs == list(BASES)
    for tick in range(20):
        assert scheduler._step_count == tick + 1
        assert scheduler.last_epoch == tick
        assert scheduler.get_last_lr() == look(optimizer).rates
        assert scheduler.get_lr() == pytest.approx(look(optimizer).rates, rel=1e-9, abs=1e-14)
        optimizer.step()
        scheduler.step()
    scheduler._initial_step()
    assert (scheduler.last_epoch, scheduler._step_count) == (0, 1)
    scheduler._update_lr(7)
    assert scheduler.last_epoch == 7
    for rate, base in zip(look(optimizer).rates, BASES, strict=True):
        assert close(rate, bound(line, base).at(7), base)
    scheduler.step(3)
    assert scheduler.last_epoch == 3
    for rate, base in zip(look(optimizer).rates, BASES, strict=True):
        assert close(rate, bound(line, base).at(3), base)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", LINES[:-1])
def test_a_tick_that_is_set_from_outside(line: str, engine: Any) -> None:
    optimizer = sgd(*BASES)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    scheduler.last_epoch = 8
    optimizer.step()
    scheduler.step()
    for rate, base in zip(look(optimizer).rates, BASES, strict=True):
        assert close(rate, bound(line, base).at(9), base)
