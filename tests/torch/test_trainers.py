"""What Lightning, transformers, Accelerate and Ignite do with a scheduler, on PyTorch alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

import schedlang
from schedlang import ScheduleWarning
from tests.torch.rig import ENGINES, close, look, sgd, train

LINE = "warmup linear 10% -> cosine rest min=1%"


def assert_follows(scheduler: Any, tick: int, **binding: Any) -> None:
    program = schedlang.parse(LINE).bind(lr=0.1, **binding)
    assert scheduler.last_epoch == tick
    assert close(look(scheduler.optimizer).rates[0], program.at(tick), 0.1)


class Lightning:
    """Steps each scheduler per interval, passes metrics to those that it takes for plateaus."""

    def __init__(self, optimizer: Optimizer, scheduler: LRScheduler, interval: str) -> None:
        self.optimizer, self.interval = optimizer, interval
        self.scheduler: Any = scheduler
        self.reduce_on_plateau = isinstance(scheduler, ReduceLROnPlateau)

    def fit(self, epochs: int, batches: int = 5) -> None:
        for _ in range(epochs):
            for _ in range(batches):
                self.optimizer.step()
                if self.interval == "step":
                    self.step(None)
            if self.interval == "epoch":
                self.step(0.5 if self.reduce_on_plateau else None)

    def step(self, metric: float | None) -> None:
        if metric is None:
            self.scheduler.step()
        else:
            self.scheduler.step(metric)

    def checkpoint(self) -> dict[str, Any]:
        both = {
            "optimizer_states": [self.optimizer.state_dict()],
            "lr_schedulers": [self.scheduler.state_dict()],
        }
        return copy.deepcopy(both)

    def restore(self, checkpoint: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(checkpoint["optimizer_states"][0])
        self.scheduler.load_state_dict(checkpoint["lr_schedulers"][0])


class Transformers(Lightning):
    """Steps once an update; loads the scheduler's state after the optimizer's."""

    def fit(self, epochs: int, batches: int = 5) -> None:
        for _ in range(epochs * batches):
            self.optimizer.step()
            if not isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step()


class Wrapped:
    """What Accelerate puts around a scheduler: it steps it if the optimizer has stepped."""

    def __init__(self, scheduler: LRScheduler) -> None:
        self.scheduler = scheduler

    def step(self, *arguments: Any) -> None:
        self.scheduler.step(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)


class Accelerated(Lightning):
    """Trains with the wrapper, and saves and loads through it; the scheduler comes last."""

    def __init__(self, optimizer: Optimizer, scheduler: LRScheduler, interval: str) -> None:
        super().__init__(optimizer, scheduler, interval)
        self.scheduler = Wrapped(scheduler)


TRAINERS = [Lightning, Transformers, Accelerated]


@pytest.mark.parametrize("front", ["method", "function"])
@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("choice", "tick"), [("keep-step", 25), ("keep-fraction", 50)])
def test_a_trainer_resumes_with_another_total(
    choice: Any, tick: int, engine: Any, trainer: type[Lightning], front: str
) -> None:
    def make(total: int) -> Lightning:
        optimizer = sgd(0.1)
        if front == "method":
            scheduler = schedlang.parse(LINE).to_torch(
                optimizer, engine=engine, total=total, on_mismatch=choice
            )
        else:
            scheduler = schedlang.to_torch(
                optimizer, LINE, engine=engine, total=total, on_mismatch=choice
            )
        return trainer(optimizer, scheduler, "step")

    first = make(100)
    first.fit(5)
    second = make(200)
    second.restore(first.checkpoint())
    assert_follows(second.scheduler, tick, total=200)
    second.fit(2)
    assert_follows(second.scheduler, tick + 10, total=200)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_choice_that_there_is_not(engine: Any) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        schedlang.parse("hold").to_torch(sgd(), engine=engine, on_mismatch="keep")  # type: ignore[arg-type]
    assert (
        str(refused.value)
        == "on_mismatch must be one of raise, keep-step, keep-fraction, not 'keep'"
    )


def test_the_call_decides_over_the_scheduler() -> None:
    old = schedlang.parse("warmup 5 -> cosine 20").to_torch(sgd(0.1))
    new: Any = schedlang.parse("warmup 6 -> cosine 20").to_torch(sgd(0.1), on_mismatch="keep-step")
    with pytest.raises(ValueError, match="this state belongs to another schedule"):
        new.load_state_dict(old.state_dict(), on_mismatch="raise")
    new.load_state_dict(old.state_dict())
    assert "on_mismatch" not in new.state_dict()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainer_that_passes_no_metric(trainer: type[Lightning]) -> None:
    """A plateau after a warm-up goes through it; after it, `observe` gives the metrics."""
    optimizer = sgd(0.1)
    line = schedlang.parse("warmup 5 -> plateau factor=0.5 patience=0")
    run = trainer(optimizer, line.to_torch(optimizer), "step")
    run.fit(1)
    assert look(optimizer).rates == [0.1]
    with pytest.warns(ScheduleWarning, match=r"^step\(\) ended a tick inside `plateau") as caught:
        run.fit(3)
    assert len(caught) == 1
    for _ in range(3):
        run.scheduler.observe(1.0)
    assert look(optimizer).rates == [0.025]
    counted = sgd(0.1)
    updates = line.to_torch(counted, clock="step")
    trainer(counted, updates, "step").fit(5)  # no warning: it would be an error
    assert look(counted).rates == [0.1]


def test_lightning_passes_its_metric_to_a_plateau_alone() -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("plateau factor=0.5 patience=0").to_torch(optimizer)
    Lightning(optimizer, scheduler, "epoch").fit(3)
    assert look(optimizer).rates == [0.025]


class Ignite:
    """Its ``LRScheduler``: calls ``get_lr``, writes the rates itself, counts ``last_epoch`` up."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def __call__(self) -> None:
        self.scheduler._get_lr_called_within_step = True
        rates = self.scheduler.get_lr()
        self.scheduler._get_lr_called_within_step = False
        for group, rate in zip(self.scheduler.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.scheduler.last_epoch += 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "line", ["warmup 5 -> cosine 20", "step every=3", "linear 9", "cyclic up=3 min=1%", "poly 9"]
)
def test_ignites_wrapper(line: str, engine: Any) -> None:
    program = schedlang.parse(line).bind(lr=0.1)
    optimizer = sgd(0.1)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    wrapper = Ignite(scheduler)
    for tick in range(12):
        wrapper()
        assert close(look(optimizer).rates[0], program.at(tick), 0.1)
        optimizer.step()
    states = copy.deepcopy([scheduler.state_dict(), optimizer.state_dict()])
    other = sgd(0.1)
    again = schedlang.parse(line).to_torch(other, engine=engine)
    again.load_state_dict(states[0])
    other.load_state_dict(states[1])
    wrapper = Ignite(again)
    for tick in range(12, 30):
        wrapper()
        assert close(look(other).rates[0], program.at(tick), 0.1)
    train(again, 3)  # and back to steps of its own
    assert close(look(other).rates[0], program.at(33), 0.1)
