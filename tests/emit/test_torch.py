"""Emitted PyTorch source, far beyond its phases, on groups that it was not written for."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import schedlang
from schedlang.emit import Style

STYLES: list[Style] = ["native", "closed-form"]


def optimizer_of(*rates: float) -> Any:
    import torch

    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, momentum=0.5)


def build(text: str, optimizer: Any, style: Style = "native", **binding: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(schedlang.parse(text).emit("torch", style=style, **binding), scope)  # our own source
    return scope["build_scheduler"](optimizer)


FAR = [
    ("cyclic up=1 min=1% mode=triangular2", 3_000),
    ("cyclic up=1 down=2 min=1% mode=triangular2 momentum=[0.8, 0.9]", 5_000),
    ("cyclic 6000 up=2 min=1% mode=triangular2 -> hold", 7_000),
    ("cyclic 12k up=7 min=1% mode=exp_range gamma=1.001", 10_000),
    ("cyclic 9000 up=7 min=1% mode=exp_range gamma=1.05", 10_000),
    ("cyclic up=3 min=1%", 10_000),
    ("exp 12k gamma=1.001", 10_000),
    ("exp 5000 gamma=1.1 -> hold", 6_000),
    ("exp gamma=0.999", 10_000),
    ("step 12k every=100 gamma=1.2", 10_000),
    ("multistep at=[100, 5000] gamma=3", 9_000),
    ("restarts first=10 mult=2 min=1%", 10_000),
    ("warmup 100 -> cosine 9000 min=1%", 12_000),
    ("warmup 100 -> decay 9000 min=1%", 12_000),
    ("(linear 100 to=1% -> linear 10 to=1x) x inf", 9_000),
    ("(exp 12k gamma=1.001) * (cosine 9000 min=10%)", 12_000),
    ("onecycle 9000", 12_000),
    ("onecycle 5 pct=0.1", 20),
    ("cyclic up=100/3 down=7/2 min=1%", 10_000),
    ("cyclic up=33.25 down=7/2 min=1%", 10_000),
    ("multistep at=[0, 5]", 20),
    ("warmup 5 -> multistep 40 at=[5, 20]", 100),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("text", "ticks"), FAR)
def test_far_beyond_the_phases(text: str, ticks: int, style: Style) -> None:
    optimizer = optimizer_of(0.1)
    scheduler = build(text, optimizer, style)
    curve = schedlang.parse(text).bind(lr=0.1).curve(ticks)
    for tick, rate in enumerate(curve):
        found = optimizer.param_groups[0]["lr"]
        assert found == pytest.approx(rate, rel=1e-9, abs=1e-14), tick
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    "text",
    [
        "exp 1B to=1%",
        "exp 1B to=1e-4",
        "warmup 10 -> exp 100M to=1%",
        "exp every=1M gamma=0.9",
        "exp 1B every=1k gamma=0.99999",
    ],
)
@pytest.mark.parametrize("lr", [None, 0.1])
def test_powers_do_not_drift(text: str, lr: float | None) -> None:
    from torch.optim.lr_scheduler import ExponentialLR, SequentialLR

    scheduler = build(text, optimizer_of(0.1), lr=lr)
    begin = 0
    if isinstance(scheduler, SequentialLR):
        begin = 10 if "warmup" in text else 0
        scheduler = scheduler._schedulers[1 if begin else 0]
    program = schedlang.parse(text).bind(lr=0.1)
    for tick in (1, 999, 10**6, 10**8 - 1):
        if isinstance(scheduler, ExponentialLR):  # as if no step were rounded
            rate = 0.1 * scheduler.gamma**tick
        else:
            rate = 0.1 * scheduler.lr_lambdas[0](tick)
        assert rate == pytest.approx(program.at(begin + tick), rel=1e-9), tick


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "text", ["warmup 10 -> cosine 90 min=1e-4", "onecycle 9", "cosine 9", "warmup 5 -> plateau"]
)
def test_a_group_at_another_rate_is_refused(text: str, style: Style) -> None:
    for right in ([0.1], [0.1, 0.1 * (1 + 1e-7)]):
        build(text, optimizer_of(*right), style, lr=0.1)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        build(text, optimizer_of(0.1, 0.01, 0.02), style, lr=0.1)
    assert str(caught.value) == "parameter group 1 has lr=0.01: this schedule is for lr=0.1"


def test_the_first_rate_counts() -> None:
    """A scheduler before this one has moved the rate, and has kept the first one."""
    optimizer = optimizer_of(0.1)
    optimizer.param_groups[0].update(lr=0.01, initial_lr=0.1)
    build("cosine 9", optimizer, lr=0.1)
    optimizer.param_groups[0].update(lr=0.1, initial_lr=0.01)
    with pytest.raises(ValueError, match=r"^parameter group 0 has lr=0\.01: "):
        build("cosine 9", optimizer, lr=0.1)


def test_a_base_of_its_own_for_each_group() -> None:
    """Without a rate that is known, a cycle has each group's own as its peak."""
    optimizer = optimizer_of(0.1, 0.01)
    scheduler = build("onecycle 9", optimizer)
    curves = [schedlang.parse("onecycle 9").bind(lr=rate).curve(12) for rate in (0.1, 0.01)]
    for rates in zip(*curves, strict=True):
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(rates, rel=1e-9)
        optimizer.step()
        scheduler.step()


PLATEAUS = ["warmup 3 -> plateau patience=0", "plateau patience=0"]


def metric_missing(text: str) -> list[str]:
    """The warnings of a few steps without a metric inside the plateau."""
    optimizer = optimizer_of(0.1)
    scheduler = build(text, optimizer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(6):
            optimizer.step()
            scheduler.step()
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("text", PLATEAUS)
def test_no_metric_where_updates_are_ticked(text: str) -> None:
    assert metric_missing(f"clock=step | {text}") == []


@pytest.mark.parametrize("text", PLATEAUS[:1])
def test_no_metric_where_no_clock_is_set(text: str) -> None:
    assert metric_missing(text) == ["no metric was given: the plateau skips this step"]


@pytest.mark.parametrize("text", PLATEAUS[:1])
def test_no_metric_where_epochs_are_ticked(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        metric_missing(f"clock=epoch | {text}")
    assert str(caught.value) == "no metric was given: call step(metric) after each epoch"


def test_a_metric_where_updates_are_ticked() -> None:
    """`observe` counts, whatever comes before the plateau."""
    optimizer = optimizer_of(0.1)
    scheduler = build("clock=step | plateau factor=0.5 patience=0", optimizer)
    rates = []
    for metric in (3.0, 2.0, 2.0, 1.0):
        for _ in range(3):
            optimizer.step()
            scheduler.step()
        scheduler.observe(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05], rel=1e-12)


def test_imports_are_what_is_used() -> None:
    source = schedlang.parse("plateau monitor=math.loss").emit("torch")
    assert "import math" not in source
