"""A short line for every phase, stopped and resumed at each of its ticks and beyond its end."""

from __future__ import annotations

from typing import Any

import pytest

import schedlang
from schedlang.phases import BUILT_IN
from tests.torch.rig import ENGINES, close, sgd, train

TICKS = 18
METRICS = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, float("nan"), 3.5, 2.0, *[2.0] * 40]
LINES = {
    "hold": "hold 4 to=50% -> hold",
    "linear": "warmup linear 4 -> linear 8 to=10%",
    "cosine": "warmup cosine 4 from=0 -> cosine 8 min=1%",
    "poly": "warmup poly 4 power=2 -> poly 8 power=0.9",
    "sqrt": "warmup sqrt 4 -> hold 3 -> decay sqrt 6 min=1%",
    "exp": "warmup exp 4 -> exp 8 to=1%",
    "step": "warmup 4 -> step 9 every=3 gamma=0.5",
    "multistep": "multistep 12 at=[3, 8] gamma=[0.5, 0.1]",
    "piecewise": "piecewise 12 at=[3, 8] values=[1x, 50%, 10%]",
    "inverse_time": "inverse_time 12 rate=1 every=3 staircase=true",
    "inverse_sqrt": "warmup 4 from=0 -> inverse_sqrt min=60%",
    "restarts": "restarts first=3 mult=2 min=1% shrink=0.5",
    "cyclic": "cyclic up=3 down=2 min=1% mode=triangular2 momentum=[0.8, 0.9]",
    "onecycle": "onecycle 12 momentum=[0.85, 0.95]",
    "plateau": "plateau factor=0.5 patience=1 cooldown=1",
    "fn": "fn 12 {max(0.05, (1 - p) ** 2)}",
    "product": "(warmup 4 -> hold) * (step every=3 gamma=0.5)",
    "repeat": "(linear 3 to=50% -> cosine 2 to=1x) x 3",
    "for ever": "warmup 3 -> (cosine 2 min=1% -> linear 3 to=1x) x inf",
}


def test_every_phase_has_its_line() -> None:
    assert set(BUILT_IN) <= set(LINES)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LINES)
def test_a_run_cut_anywhere_is_the_run_that_was_not(name: str, engine: Any) -> None:
    schedule = schedlang.parse(LINES[name])
    metrics = METRICS if name == "plateau" else None
    whole = train(schedule.to_torch(sgd(0.1, 0.3), engine=engine), TICKS, metrics)
    running = schedule.to_torch(sgd(0.1, 0.3), engine=engine)
    for cut in range(TICKS):
        state = running.state_dict()
        resumed = [schedule.to_torch(sgd(0.1, 0.3), engine=engine)]
        resumed[0].load_state_dict(state)
        if metrics is None:
            resumed.append(schedule.to_torch(sgd(0.1, 0.3), engine=engine, start=cut))
        for again in resumed:
            rest = train(again, TICKS - cut, METRICS[cut:] if metrics else None)
            for got, want in zip(rest, whole[cut:], strict=True):
                assert got.momentum == pytest.approx(want.momentum, rel=1e-9)
                for rate, other, base in zip(got.rates, want.rates, (0.1, 0.3), strict=True):
                    assert close(rate, other, base), (name, engine, cut)
        train(running, 1, METRICS[cut:] if metrics else None)
