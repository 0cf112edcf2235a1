"""Momentum: PyTorch's CyclicLR and OneCycleLR in lockstep, and its way into each optimizer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

import schedlang
from tests.torch.rig import ENGINES, assert_close, look, sgd, train

SHARE = st.integers(1, 99).map(lambda percent: percent / 100)


@pytest.mark.parametrize("engine", ENGINES)
@given(
    up=st.integers(1, 12),
    down=st.integers(1, 12),
    low=SHARE,
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
    gamma=SHARE,
    momenta=st.tuples(SHARE, SHARE).map(sorted),
)
def test_lockstep_with_cyclic(
    engine: str, up: int, down: int, low: float, mode: str, gamma: float, momenta: list[float]
) -> None:
    gamma = gamma if mode == "exp_range" else 1.0
    line = f"cyclic up={up} down={down} min={low!r}x mode={mode} momentum={momenta}"
    line += f" gamma={gamma!r}" if mode == "exp_range" else ""
    reference = CyclicLR(
        sgd(0.1), 0.1 * low, 0.1, up, down, mode, gamma,  # type: ignore[arg-type]  # a mode
        base_momentum=momenta[0], max_momentum=momenta[1],
    )  # fmt: skip
    scheduler = schedlang.parse(line).to_torch(sgd(0.1), engine=engine)  # type: ignore[arg-type]
    _assert_same(scheduler, reference, 60)


@pytest.mark.parametrize("engine", ENGINES)
@example(
    ticks=2, pct=0.01, div=2, final_div=10_000, anneal="linear", three_phase=False,
    momenta=[0.01, 0.01],  # the end of a linear fall, which is rounded
)  # fmt: skip
@given(
    ticks=st.integers(2, 60),
    pct=SHARE,
    div=st.integers(1, 30),
    final_div=st.sampled_from([1, 7, 10_000]),
    anneal=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
    momenta=st.tuples(SHARE, SHARE).map(sorted),
)
def test_lockstep_with_onecycle(
    engine: str, ticks: int, pct: float, div: int, final_div: int, anneal: str,
    three_phase: bool, momenta: list[float],
) -> None:  # fmt: skip
    pct = min(pct, 0.5) if three_phase else pct
    line = f"onecycle {ticks} pct={pct!r} div={div} final_div={final_div} anneal={anneal}"
    line += f" three_phase={str(three_phase).lower()} momentum={momenta}"
    try:
        reference = OneCycleLR(
            sgd(0.1), 0.1, ticks, pct_start=pct, anneal_strategy=anneal,  # type: ignore[arg-type]
            base_momentum=momenta[0], max_momentum=momenta[1],
            div_factor=div, final_div_factor=final_div, three_phase=three_phase,
        )  # fmt: skip
    except ZeroDivisionError:  # a rise of no length: PyTorch cannot, and the engine is fused
        assert pct * ticks == pytest.approx(1)
        engine = "auto"
        reference = None
    scheduler = schedlang.parse(line).to_torch(sgd(0.1), engine=engine)  # type: ignore[arg-type]
    if reference is not None:
        _assert_same(scheduler, reference, ticks)
    end = train(scheduler, 20)[-1]
    assert end.rates == pytest.approx([0.1 / div / final_div])
    assert end.momentum == pytest.approx(momenta[1])


def _assert_same(ours: Any, theirs: Any, updates: int) -> None:
    mine, reference = train(ours, updates), []
    for tick in range(updates):
        reference.append(look(theirs.optimizer))
        theirs.optimizer.step()
        if tick + 1 < updates:
            theirs.step()
    assert_close((s.rates[0] for s in mine), [s.rates[0] for s in reference], 0.1)
    assert_close((s.momentum for s in mine), [s.momentum for s in reference], 1.0)


def _parameter() -> torch.Tensor:
    return torch.zeros(1, requires_grad=True)


OPTIMIZERS: list[tuple[type[Optimizer], dict[str, Any]]] = [
    (SGD, {"momentum": 0.9}),
    (SGD, {}),
    (RMSprop, {}),
    (Adam, {}),
    (AdamW, {"betas": (0.9, 0.95)}),
    (
        Adam,
        {"betas": (torch.tensor(0.9), torch.tensor(0.999)), "foreach": False, "capturable": True},
    ),
]


@pytest.mark.parametrize(("kind", "arguments"), OPTIMIZERS)
@pytest.mark.parametrize(
    "line",
    ["onecycle 20 momentum=[0.85, 0.95]", "warmup 3 -> cyclic up=5 min=1% momentum=[0.8, 0.9]"],
)
def test_into_every_optimizer(kind: Any, arguments: dict[str, Any], line: str) -> None:
    first = arguments.get("betas", (None,))[0]
    optimizer = kind([_parameter()], lr=0.1, **arguments)
    before = look(optimizer).momentum
    scheduler = schedlang.parse(line).to_torch(optimizer)
    track = scheduler.program.momentum  # type: ignore[attr-defined]  # ours
    for tick in range(40):
        want = track.at(tick) if tick >= track.begins[0] else before
        assert look(optimizer).momentum == pytest.approx(want, rel=1e-6)
        if isinstance(first, torch.Tensor):
            assert optimizer.param_groups[0]["betas"][0] is first  # filled, never replaced
        elif "betas" in optimizer.param_groups[0]:
            assert optimizer.param_groups[0]["betas"][1] == optimizer.defaults["betas"][1]
        scheduler.optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_an_optimizer_without_momentum_is_refused(engine: Any) -> None:
    optimizer = Adagrad([_parameter()], lr=0.1)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        schedlang.parse("warmup 3 -> onecycle 20 momentum=[0.85, 0.95]").to_torch(
            optimizer, engine=engine
        )
    assert str(refused.value) == (
        "`onecycle 20 momentum=[0.85, 0.95]` moves the momentum, "
        "and Adagrad has neither `momentum` nor `betas`: leave momentum= out"
    )
    assert "initial_lr" not in optimizer.param_groups[0]
