"""A run that stops and resumes is the run that did not stop; another run is refused."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch

import schedlang
from schedlang.torch import resume_report
from tests.cases import CASES, PLATEAUS, Case, ticks_of
from tests.torch.rig import ENGINES, OLD_PROTOCOL, close, engines_of, look, on, sgd, train

METRICS = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, float("nan"), 3.5, 2.0, *[2.0] * 40]
EACH = [(case, engine) for case in CASES for engine in engines_of(case)]
EACH += [(case, "auto") for case in PLATEAUS] + [(case, "fused") for case in PLATEAUS]


def saved(thing: Any) -> Any:
    """Through a file that holds nothing but data."""
    file = io.BytesIO()
    torch.save(thing.state_dict(), file)
    assert thing.__class__.__name__ == "SGD" or file.tell() < 8192
    file.seek(0)
    return torch.load(file, weights_only=True)


def go_on(scheduler: Any, first: int, last: int, metrics: list[float] | None) -> list[Any]:
    return train(scheduler, last - first, metrics[first:] if metrics else None)


@pytest.mark.parametrize(("case", "engine"), EACH, ids=str)
def test_resumed_equals_uninterrupted(case: Case, engine: str) -> None:
    metrics = METRICS if case in PLATEAUS else None
    telling = [tick for tick in ticks_of(case.bind()) if tick < 60]
    last = 40 if metrics else telling[-1] + 3
    whole = go_on(
        on(case, sgd(0.1, 0.3) if case.lr == 0.1 else sgd(case.lr), engine), 0, last, metrics
    )
    for cut in telling[:: max(1, len(telling) // 3)] if metrics is None else (0, 5, 11, 29):
        optimizers = [sgd(0.1, 0.3) if case.lr == 0.1 else sgd(case.lr) for _ in range(5)]
        scheduler = on(case, optimizers[0], engine)
        go_on(scheduler, 0, cut, metrics)
        state, groups = saved(scheduler), saved(optimizers[0])
        # Built before and after the optimizer is loaded, or with the scheduler's state alone.
        before = on(case, optimizers[1], engine)
        optimizers[1].load_state_dict(copy.deepcopy(groups))
        before.load_state_dict(state)
        optimizers[2].load_state_dict(copy.deepcopy(groups))
        after = on(case, optimizers[2], engine)
        after.load_state_dict(state)
        alone = on(case, optimizers[3], engine)
        alone.load_state_dict(state)
        resumed = [
            before,
            after,
            alone,
            copy.deepcopy(scheduler),
            pickle.loads(pickle.dumps(scheduler)),
        ]
        if metrics is None:
            resumed.append(on(case, optimizers[4], engine, start=cut))
        for again in resumed:
            assert again.last_epoch == cut
            for got, want in zip(go_on(again, cut, last, metrics), whole[cut:], strict=True):
                for rate, other, base in zip(got.rates, want.rates, (0.1, 0.3), strict=False):
                    assert close(rate, other, base)
                assert got.momentum == pytest.approx(want.momentum, rel=1e-9)


@pytest.mark.parametrize(("old", "new"), [("chain", "fused"), ("fused", "chain")])
@pytest.mark.parametrize(
    "line",
    [
        "warmup 5 -> cosine 20",
        "linear 30",
        "restarts first=5 mult=2",
        "onecycle 40 momentum=[0.5, 0.6]",
    ],
)
def test_an_engine_loads_the_others_state(line: str, old: Any, new: Any) -> None:
    schedule = schedlang.parse(line)
    one, two = sgd(0.1, 0.2), sgd(0.1, 0.2)
    first = schedule.to_torch(one, engine=old)
    train(first, 12)
    second = schedule.to_torch(two, engine=new)
    second.load_state_dict(saved(first))
    for got, want in zip(train(second, 40), train(first, 40), strict=True):
        assert got.rates == pytest.approx(want.rates, rel=1e-9, abs=1e-14)
        assert got.momentum == pytest.approx(want.momentum, rel=1e-9)


@pytest.mark.parametrize(("old", "new"), [("chain", "fused"), ("fused", "chain")])
def test_an_engine_loads_the_others_plateau(old: Any, new: Any) -> None:
    schedule = schedlang.parse("plateau factor=0.5 patience=1 cooldown=1")
    first: Any = schedule.to_torch(sgd(0.1), engine=old)
    train(first, 9, METRICS)
    second: Any = schedule.to_torch(sgd(0.1), engine=new)
    second.load_state_dict(saved(first))
    assert train(second, 20, METRICS[9:]) == train(first, 20, METRICS[9:])


@pytest.mark.filterwarnings(OLD_PROTOCOL)
def test_plain_pytorch_loads_the_chains_state() -> None:
    from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

    ours, theirs = sgd(0.1), sgd(0.1)
    scheduler = schedlang.parse("warmup 5 -> cosine 20").to_torch(ours)
    train(scheduler, 11)
    children = [
        LinearLR(theirs, 0.001, 1.0, 5),
        CosineAnnealingLR(theirs, 20),
        ConstantLR(theirs, 0.0, 2**53),
    ]
    plain = SequentialLR(theirs, children, [5, 25])
    theirs.load_state_dict(ours.state_dict())
    plain.load_state_dict(saved(scheduler))
    assert train(plain, 30) == train(scheduler, 30)


# how a state differs: its line, binding and bases, and the words
DIFFERENT: list[tuple[str, dict[str, Any], tuple[float, ...], list[str]]] = [
    (
        "hold 10% -> cosine rest min=1%",
        {"total": 100},
        (0.1,),
        ["`lr` is `hold 10% -> cosine rest min=1%` there, `hold 10% -> cosine rest` here"],
    ),
    ("hold 10% -> cosine rest", {"total": 50}, (0.1,), ["total is 50 there, 100 here"]),
    (
        "hold 10% -> cosine rest",
        {"total": 100, "steps_per_epoch": 5, "clock": "step"},
        (0.1,),
        ["clock is step there, not set here", "steps_per_epoch is 5 there, not set here"],
    ),
    (
        "hold 10% -> cosine rest",
        {"total": 100},
        (0.1, 0.2),
        ["there are 2 parameter groups there, 1 here"],
    ),
    (
        "hold 10% -> cosine rest",
        {"total": 100},
        (0.3,),
        ["group 0 has the base rate 0.3 there, 0.1 here"],
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("line", "binding", "bases", "words"), DIFFERENT)
def test_another_schedule_is_refused_by_what_differs(
    line: str, binding: dict[str, Any], bases: tuple[float, ...], words: list[str], engine: Any
) -> None:
    old = schedlang.parse(line).to_torch(sgd(*bases), engine=engine, **binding)
    train(old, 20)
    optimizer = sgd(0.1)
    new: Any = schedlang.parse("hold 10% -> cosine rest").to_torch(
        optimizer, engine=engine, total=100
    )
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        new.load_state_dict(old.state_dict())
    assert str(refused.value) == (
        f"this state belongs to another schedule: {'; '.join(words)}. "
        'Give on_mismatch="keep-step" (the same tick) '
        'or "keep-fraction" (the same share of the total)'
    )
    assert new.last_epoch == 0
    assert look(optimizer).rates == [0.1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("choice", "tick"), [("keep-step", 30), ("keep-fraction", 60)])
def test_what_to_keep_can_be_said(engine: Any, choice: str, tick: int) -> None:
    schedule = schedlang.parse("warmup linear 10% -> cosine rest min=1%")
    old = schedule.to_torch(sgd(0.1), engine=engine, total=100)
    train(old, 30)
    optimizer = sgd(0.1)
    new: Any = schedule.to_torch(optimizer, engine=engine, total=200)
    new.load_state_dict(old.state_dict(), on_mismatch=choice)
    assert new.last_epoch == tick
    for ahead, seen in enumerate(train(new, 160)):
        assert close(seen.rates[0], schedule.bind(lr=0.1, total=200).at(tick + ahead), 0.1)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_kept_is_an_error(engine: Any) -> None:
    one: Any = schedlang.parse("warmup 5 -> hold").to_torch(sgd(0.1), engine=engine)
    two: Any = schedlang.parse("warmup 5 -> linear 10").to_torch(sgd(0.1), engine=engine)
    with pytest.raises(ValueError, match=r"^the state's schedule never ends, so keep-fraction"):
        two.load_state_dict(one.state_dict(), on_mismatch="keep-fraction")
    with pytest.raises(ValueError, match=r"^this schedule never ends, so keep-fraction"):
        one.load_state_dict(two.state_dict(), on_mismatch="keep-fraction")
    with pytest.raises(ValueError, match=r"^on_mismatch must be one of raise, keep-step"):
        one.load_state_dict(two.state_dict(), on_mismatch="keep")


def test_a_plateau_is_not_resumed_from_the_tick_alone() -> None:
    line = schedlang.parse("warmup 5 -> plateau")
    assert line.to_torch(sgd(0.1), start=5).last_epoch == 5
    inside = (
        "tick 6 lies inside `plateau`, whose rate depends on earlier metrics: "
        "load a state that contains them"
    )
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        line.to_torch(sgd(0.1), start=6)
    assert str(refused.value) == inside
    with pytest.raises(ValueError, match="tick 6 lies inside `plateau`"):
        schedlang.parse("plateau").to_torch(sgd(0.1), start=6)
    other = schedlang.parse("hold").to_torch(sgd(0.1))
    train(other, 6)
    new: Any = line.to_torch(sgd(0.1))
    with pytest.raises(ValueError, match="tick 6 lies inside `plateau`"):
        new.load_state_dict(other.state_dict(), on_mismatch="keep-step")


def test_a_fused_state_holds_the_schedule_the_tick_and_the_memory() -> None:
    line = "warmup linear 5 -> plateau factor=0.5 patience=0"
    scheduler: Any = schedlang.parse(line).to_torch(sgd(0.1))
    train(scheduler, 9, [3.0] * 9)
    assert scheduler.state_dict() == {
        "lines": {"lr": line},
        "binding": {},
        "bases": {"lr": [0.1]},
        "total": None,
        "last_epoch": 9,
        "_step_count": 10,
        "plateau": {
            "lr": {"best": 3.0, "bad": 0, "cooldown": 0, "reductions": 3, "silent_since": 8}
        },
    }


def test_resume_report() -> None:
    schedule = schedlang.parse("cosine rest -> hold 5%")
    old: Any = schedule.to_torch(sgd(0.1), total=100)
    train(old, 50)
    new: Any = schedule.to_torch(sgd(0.1), total=200)
    report = resume_report(old, new, on_mismatch="keep-fraction")
    assert (
        report
        == """\
before  <Program 'cosine rest -> hold 5%': 100 ticks, lr=0.1; one tick is one call of step()>
after   <Program 'cosine rest -> hold 5%': 200 ticks, lr=0.1; one tick is one call of step()>
        total is 100 there, 200 here
tick    50 before, 100 after
  updates   rate before    rate after
       +0      0.045871      0.045871
       +1     0.0442258     0.0450477
      +10     0.0299152     0.0377257
     +100             0             0"""
    )
    assert new.last_epoch == 0
    assert old.last_epoch == 50
    assert resume_report(old.state_dict(), new, on_mismatch="keep-fraction") == report
    assert "tick    50 before, 50 after" in resume_report(old, new)
