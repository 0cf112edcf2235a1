"""Both engines give the rates of the program, at every tick; and those that PyTorch itself gave."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import schedlang
from tests.cases import CASES, FAR, Case, golden, ticks_of
from tests.strategies import schedules
from tests.torch.rig import ENGINES, assert_close, close, engines_of, look, on, sgd, train

EACH = [(case, engine) for case in CASES for engine in engines_of(case)]
GOLDEN = [(seed, engine) for seed in golden() for engine in ENGINES]


@pytest.mark.parametrize(("case", "engine"), EACH, ids=str)
def test_every_tick_of_every_case(case: Case, engine: str) -> None:
    program = case.bind()
    ticks = [tick for tick in ticks_of(program) if tick != FAR]
    last = min(max(ticks[-1], 150), 1500)
    seen = train(on(case, sgd(case.lr), engine), last + 1)
    assert_close([each.rates[0] for each in seen], program.curve(last + 1), case.lr)
    track = program.momentum
    for tick, each in enumerate(seen):
        moved = track is not None and tick >= track.begins[0]
        assert each.momentum == pytest.approx(track.at(tick) if track and moved else 0.9, rel=1e-9)


@pytest.mark.parametrize(("case", "engine"), EACH, ids=str)
def test_far_ticks_without_the_way_there(case: Case, engine: str) -> None:
    program = case.bind()
    for tick in ticks_of(program):
        optimizer = sgd(case.lr)
        scheduler = on(case, optimizer, engine, start=tick)
        for ahead in (0, 1, 2):
            assert scheduler.last_epoch == tick + ahead
            assert close(look(optimizer).rates[0], program.at(tick + ahead), case.lr)
            optimizer.step()
            scheduler.step()


@pytest.mark.parametrize(
    ("seed", "engine"), GOLDEN, ids=lambda v: v if isinstance(v, str) else v["name"]
)
def test_golden(seed: dict[str, Any], engine: str) -> None:
    optimizer = sgd(seed["lr"])
    line = schedlang.parse(seed["schedule"])
    scheduler = line.to_torch(optimizer, engine=engine)  # type: ignore[arg-type]  # a str
    steps = seed.get("steps") or list(range(len(seed["values"])))
    seen = train(scheduler, steps[-1] + 1, seed.get("metrics"))
    got = [seen[tick].rates[0] for tick in steps]
    if "momentum=" in seed["schedule"]:
        for each, want in zip(seen, seed["momentum"], strict=True):
            assert each.momentum == pytest.approx(want, rel=1e-9)
    tolerance = 1e-9 if seed["framework"] == "torch" else 1e-4  # Keras counts in float32
    assert_close(got, seed["values"], seed["lr"], tolerance)


@pytest.mark.parametrize("engine", ENGINES)
@given(case=schedules(), others=st.lists(st.sampled_from([0.0, 1e-3, 0.1, 3.0]), max_size=3))
@settings(max_examples=40)
def test_random_schedules_on_several_groups(engine: str, case: Case, others: list[float]) -> None:
    bases = [case.lr, *others]
    if "lr=" in case.text:
        bases = [case.lr]
    try:
        programs = [case.bind().rebase(base) for base in bases]
    except schedlang.ScheduleError:
        assume(False)  # an absolute level for a frozen group, or a warm-up that falls
    length = min(case.bind().length or 150, 1000) + 20
    optimizer = sgd(*bases)
    seen = train(on(case, optimizer, engine), length)
    for group, (base, program) in enumerate(zip(bases, programs, strict=True)):
        assert_close([each.rates[group] for each in seen], program.curve(length), base or 1.0)
    boundaries = {tick + near for tick in ticks_of(case.bind()) for near in (-1, 0, 1)}
    telling = sorted(boundaries - {-1})
    for tick in telling[:: 1 + len(telling) // 60]:  # the curve above has seen them all
        jumped = sgd(*bases)
        on(case, jumped, engine, start=tick)
        for rate, base, program in zip(look(jumped).rates, bases, programs, strict=True):
            assert close(rate, program.at(tick), base or 1.0)


@given(case=schedules(momentum=True))
@settings(max_examples=30)
def test_random_momentum(case: Case) -> None:
    program = case.bind()
    length = min(program.length or 150, 500) + 20
    seen = train(on(case, sgd(case.lr), "fused"), length)
    assert_close([each.rates[0] for each in seen], program.curve(length), case.lr)
    for tick, each in enumerate(seen):
        track = program.momentum
        moved = track is not None and tick >= track.begins[0]
        assert each.momentum == pytest.approx(track.at(tick) if track and moved else 0.9, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "line",
    [
        "warmup 10k -> cosine 90k min=1e-9",
        "linear 100k to=1%",
        "poly 100k power=2 -> hold",
        "exp 100k to=1e-6",
        "exp gamma=0.9999",
        "cosine 100k to=1x from=1x -> hold",
        "cyclic up=7 down=4 min=1%",
        "restarts first=1000 mult=2 min=1%",
        "step every=1 gamma=0.9999",
    ],
)
def test_rounding_does_not_add_up(line: str, engine: str) -> None:
    program = schedlang.parse(line).bind(lr=0.1)
    optimizer = sgd(0.1)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)  # type: ignore[arg-type]
    optimizer.step()
    want = program.curve(100_010)
    for tick in range(100_009):
        if tick % 997 == 0 or tick % 100_000 < 3:
            assert close(optimizer.param_groups[0]["lr"], want[tick], 0.1)
        scheduler.step()


# A phase of no length at the end moves the level: a sweep reaches it.
CLOSING: list[tuple[str, dict[str, Any]]] = [
    ("warmup 4 -> cosine 0", {}),
    ("warmup 4 -> cosine 0 min=1e-3", {}),
    ("warmup 5% -> hold rest -> decay 0%", {"total": 100}),
    ("warmup 4 -> decay rest", {"total": 4}),
    ("onecycle 9 -> hold 0 to=1x", {}),
    ("linear 9 to=10% -> hold 0 to=1e-3", {}),
    ("poly 9 -> hold 0 to=50%", {}),
    ("multistep 20 at=[3, 6] -> hold 0 to=1x", {}),
    ("multistep 20 at=[3, 6] -> hold 0", {}),
    ("hold 5 -> linear 0 to=50%", {}),
    ("hold 5 to=1e-2 -> hold 0 to=10%", {}),
    ("exp 9 gamma=0.9 -> sqrt 0 to=10%", {}),
    ("step 9 every=3 -> poly 0", {}),
    ("(linear 4 from=1x to=50%) x 2 -> hold 0 to=1x", {}),
    ("(warmup 4 -> hold 4) * (step 8 every=3) -> cosine 0 to=20%", {}),
    ("warmup 4 -> cosine 0 -> plateau", {}),
]


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
@pytest.mark.parametrize(("line", "binding"), CLOSING)
def test_a_closing_phase_of_no_length(line: str, binding: dict[str, Any], engine: Any) -> None:
    if "plateau" in line and engine == "chain":
        pytest.skip("the chain refuses a plateau after a phase")
    schedule = schedlang.parse(line)
    bases = (0.1, 0.02)
    seen = train(
        schedule.to_torch(sgd(*bases), engine=engine, **binding),
        30,
        [1.0 / (i + 1) for i in range(30)] if "plateau" in line else None,
    )
    for group, base in enumerate(bases):
        curve = schedule.bind(lr=base, **binding).curve(30)
        assert_close([each.rates[group] for each in seen], curve, base)


def test_the_line_of_the_first_page() -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("warmup linear 10 -> cosine 90 min=1e-4").to_torch(optimizer)
    assert isinstance(scheduler, torch.optim.lr_scheduler.SequentialLR)
    first, second, end = scheduler._schedulers
    assert type(first) is torch.optim.lr_scheduler.LinearLR
    assert (first.start_factor, first.end_factor, first.total_iters) == (0.001, 1.0, 10)
    assert type(second) is torch.optim.lr_scheduler.CosineAnnealingLR
    assert (second.T_max, second.eta_min) == (90, 1e-4)
    assert type(end) is torch.optim.lr_scheduler.ConstantLR
    rates = [seen.rates[0] for seen in train(scheduler, 1000)]
    assert rates[0] == pytest.approx(1e-4, rel=1e-12)
    assert rates[10] == pytest.approx(0.1, rel=1e-12)
    assert all(rate == pytest.approx(1e-4, rel=1e-12) for rate in rates[100:])
    assert all(before > after for before, after in pairwise(rates[10:101]))
