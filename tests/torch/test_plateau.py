"""`plateau`: PyTorch's ReduceLROnPlateau in lockstep, and what PyTorch does not have."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

import schedlang
from schedlang import ScheduleWarning
from tests.torch.rig import ENGINES, look, sgd

METRICS = st.lists(
    st.one_of(st.sampled_from([1.0, 0.5, 0.9999, -1.0, math.nan, math.inf]), st.floats(-2, 2)),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("engine", ENGINES)
@given(
    metrics=METRICS,
    mode=st.sampled_from(["min", "max"]),
    factor=st.sampled_from([0.1, 0.5, 0.9]),
    patience=st.integers(0, 3),
    threshold=st.sampled_from([0.0, 1e-4, 0.1]),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    cooldown=st.integers(0, 3),
    low=st.sampled_from(["0", "1e-3", "20%"]),
    eps=st.sampled_from([0.0, 1e-8, 0.01]),
)
def test_lockstep_with_pytorch(
    engine: str, metrics: list[float], low: str, **arguments: Any
) -> None:
    bases = (0.1, 0.02)
    floors = [{"0": 0.0, "1e-3": 1e-3, "20%": 0.2 * base}[low] for base in bases]
    said = " ".join(f"{name}={value!r}".replace("'", "") for name, value in arguments.items())
    ours, theirs = sgd(*bases), sgd(*bases)
    mine: Any = schedlang.parse(f"plateau {said} min={low}").to_torch(ours, engine=engine)  # type: ignore[arg-type]
    reference = ReduceLROnPlateau(theirs, min_lr=floors, **arguments)
    for metric in metrics:
        ours.step()
        mine.step(metric)
        reference.step(metric)
        assert look(ours).rates == look(theirs).rates
        assert mine.get_last_lr() == look(theirs).rates


@given(metrics=METRICS)
def test_lockstep_after_a_warm_up(metrics: list[float]) -> None:
    ours, theirs = sgd(0.1), sgd(0.1)
    line = "warmup 5 -> plateau factor=0.5 patience=1 cooldown=1 min=1e-6"
    mine: Any = schedlang.parse(line).to_torch(ours)
    for tick in range(5):
        ours.step()
        mine.step(*([math.nan] if tick % 2 else []))  # none is needed, and one is ignored
    reference = ReduceLROnPlateau(theirs, factor=0.5, patience=1, cooldown=1, min_lr=1e-6)
    for metric in metrics:
        mine.step(metric)
        reference.step(metric)
        assert look(ours).rates == pytest.approx(look(theirs).rates, rel=1e-12)


def test_updates_are_ticked_and_epochs_observed() -> None:
    optimizer = sgd(0.1)
    line = "warmup 2ep -> plateau factor=0.5 patience=0"
    scheduler: Any = schedlang.parse(line).to_torch(optimizer, steps_per_epoch=3)
    rates = []
    for metric in [9.0, 9.0, 1.0, 1.0, 0.5, 0.5, 0.5]:  # the first two epochs warm up
        for _ in range(3):
            rates.append(look(optimizer).rates[0])
            optimizer.step()
            scheduler.step()
        scheduler.observe(metric)
    warm = [0.1 * (0.001 + 0.999 * t / 6) for t in range(6)]
    levels = [0.1, 0.1, 0.05, 0.05, 0.025]
    assert rates == pytest.approx([*warm, *(level for level in levels for _ in range(3))])
    assert look(optimizer).rates == [0.0125]


def test_a_metric_with_the_step_counts_once_where_updates_are_ticked() -> None:
    ours, other = sgd(0.1), sgd(0.1)
    line = schedlang.parse("hold 2st -> plateau factor=0.5 patience=0")
    one: Any = line.to_torch(ours, steps_per_epoch=1)
    two: Any = line.to_torch(other, steps_per_epoch=1)
    for metric in [1.0, 1.0, 1.0, 2.0, 0.5, 3.0]:
        for optimizer in (ours, other):
            optimizer.step()
        one.step(metric)
        two.step()
        two.observe(metric)
        assert look(ours) == look(other)
    assert look(ours).rates == [0.1 / 4]


LONE_AND_LATE = [
    ("plateau factor=0.5 patience=0", 0),
    ("warmup 2 -> plateau factor=0.5 patience=0", 2),
]


@pytest.mark.parametrize(("line", "begin"), LONE_AND_LATE)
def test_an_epoch_needs_a_metric(line: str, begin: int) -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse(line).to_torch(optimizer, clock="epoch")
    for _ in range(begin):
        optimizer.step()
        scheduler.step()
    with pytest.raises(TypeError) as missing:
        scheduler.step()
    assert str(missing.value) == (
        "step() inside `plateau factor=0.5 patience=0` needs its argument `metric`: "
        "scheduler.step(val_loss)"
    )
    assert scheduler.last_epoch == begin
    scheduler.observe(1.0)  # the running epoch's, so that step() needs none
    optimizer.step()
    scheduler.step()
    assert scheduler.last_epoch == begin + 1
    with pytest.raises(TypeError, match="needs its argument `metric`"):
        scheduler.step()


@pytest.mark.parametrize(("line", "begin"), LONE_AND_LATE)
def test_where_nothing_fixes_the_clock_a_missing_metric_is_warned_of_once(
    line: str, begin: int
) -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse(line).to_torch(optimizer)
    for _ in range(begin):
        optimizer.step()
        scheduler.step()
    optimizer.step()
    with pytest.warns(ScheduleWarning) as warned:
        scheduler.step()
    (warning,) = warned
    assert str(warning.message) == (
        "step() ended a tick inside `plateau factor=0.5 patience=0` without a metric: pass it, "
        "scheduler.step(val_loss), or call scheduler.observe(val_loss) once an epoch; "
        "set clock=step if a tick is an optimizer update"
    )
    assert warning.filename == __file__
    for _ in range(5):
        scheduler.step()  # no second warning: it would be an error
    assert scheduler.last_epoch == begin + 6
    again: Any = schedlang.parse(line).to_torch(sgd(0.1))
    again.load_state_dict(scheduler.state_dict())
    again.optimizer.step()
    again.step()  # nor in a run that is resumed
    for metric in (1.0, 1.0, 1.0):
        again.observe(metric)
    assert look(again.optimizer).rates == [0.025]


@pytest.mark.parametrize("engine", ["auto", "fused"])
@pytest.mark.parametrize("clock", ["step", "epoch", None])
@pytest.mark.parametrize(("line", "begin"), LONE_AND_LATE)
def test_a_metric_comes_in_three_ways_under_every_clock(
    line: str, begin: int, clock: Any, engine: Any
) -> None:
    schedule = schedlang.parse(line)
    metrics = [1.0, 1.0, 1.0, 2.0, 0.5, 3.0, 3.0]
    each = [schedule.to_torch(sgd(0.1), engine=engine, clock=clock) for _ in range(4)]
    positional, named, old_name, observed = (scheduler for scheduler in each)
    for metric in metrics:
        for scheduler in each:
            scheduler.optimizer.step()
        positional.step(metric)  # type: ignore[arg-type]  # a metric
        named.step(metric=metric)  # type: ignore[call-arg]
        old_name.step(metrics=metric)  # type: ignore[call-arg]
        if clock == "step":  # an epoch of one update: its metric comes after its step
            observed.step()
        observed.observe(metric)  # type: ignore[attr-defined]
        if clock != "step":
            observed.step()
        rates = [look(scheduler.optimizer).rates for scheduler in each]
        assert rates == [rates[0]] * 4
    assert rates[0] == [0.1 / 2 ** (3 if begin else 5)]
    with pytest.raises(TypeError, match=r"^`metric` and `metrics` are the same argument: give one"):
        named.step(metric=1.0, metrics=1.0)  # type: ignore[call-arg]


def test_a_plateau_after_a_phase_is_stepped_like_any_scheduler() -> None:
    late = schedlang.parse("warmup 2 -> plateau").to_torch(sgd(0.1))
    assert not isinstance(late, ReduceLROnPlateau)  # or trainers would keep it from its warm-up


def test_a_metric_without_a_plateau_is_refused() -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("cosine 9").to_torch(optimizer, engine="fused")
    with pytest.raises(
        TypeError, match=r"^this schedule has no `plateau`: step\(\) takes no metric$"
    ):
        scheduler.step(0.5)
    with pytest.raises(TypeError, match=r"^this schedule has no `plateau` to observe"):
        scheduler.observe(0.5)
    assert scheduler.last_epoch == 0


def test_silence_is_warned_of_once() -> None:
    optimizer = sgd(0.1)
    line = schedlang.parse("warmup 1ep -> plateau")
    scheduler: Any = line.to_torch(optimizer, steps_per_epoch=4)
    for _ in range(4 + 7):
        optimizer.step()
        scheduler.step()
    with pytest.warns(ScheduleWarning) as warned:
        scheduler.step()
    (warning,) = warned
    assert str(warning.message) == (
        "`plateau` received no metric for two whole epochs: "
        "call scheduler.observe(metric) once an epoch"
    )
    assert warning.filename == __file__
    for _ in range(40):
        scheduler.step()  # no second warning: it would be an error


def test_metrics_keep_it_quiet() -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("plateau").to_torch(optimizer, steps_per_epoch=4)
    for epoch in range(20):
        for _ in range(4):
            optimizer.step()
            scheduler.step()
        scheduler.observe(1.0 / (epoch + 1))


def test_momentum_before_a_plateau_stays_where_it_ended() -> None:
    optimizer = sgd(0.1)
    line = "cyclic 6 up=2 min=10% momentum=[0.5, 0.8] -> plateau factor=0.5 patience=0"
    scheduler: Any = schedlang.parse(line).to_torch(optimizer)
    for _ in range(9):
        optimizer.step()
        scheduler.step(1.0)
    seen = look(optimizer)
    assert seen.rates == pytest.approx([0.025])
    assert seen.momentum == pytest.approx(0.5)
