"""Which of PyTorch's classes a phase becomes, and what the chain refuses."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim import lr_scheduler

import schedlang
from tests.test_counterparts import delayed
from tests.torch.rig import look, sgd, train

# line, the chain's members and their telling attributes. The base rate is 0.1.
CHAINS: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    ("warmup 10 -> hold", [("LinearLR", {"start_factor": 0.001}), ("ConstantLR", {"factor": 1.0})]),
    ("warmup 10 from=0 -> hold", [("LambdaLR", {}), ("ConstantLR", {"factor": 1.0})]),
    ("warmup 10 to=2x -> hold", [("LambdaLR", {}), ("LambdaLR", {})]),
    ("warmup cosine 10 -> hold", [("LambdaLR", {}), ("ConstantLR", {})]),
    (
        "hold 5 to=50% -> hold 5",
        [("ConstantLR", {"factor": 0.5, "total_iters": 5}), ("ConstantLR", {"factor": 0.5})],
    ),
    (
        "linear 10 from=50% to=1e-2 -> hold 3",
        [("LinearLR", {"start_factor": 0.5, "end_factor": 0.1}), ("ConstantLR", {"factor": 0.1})],
    ),
    ("linear 10 skip=5 -> hold 3", [("LambdaLR", {}), ("ConstantLR", {"factor": 0.0})]),
    ("warmup 10 skip=1 -> hold", [("LambdaLR", {}), ("ConstantLR", {"factor": 1.0})]),
    ("linear 10 to=50% every=5 -> hold", [("LambdaLR", {}), ("ConstantLR", {"factor": 0.5})]),
    ("cosine 90 every=10", [("LambdaLR", {}), ("ConstantLR", {})]),
    ("exp 10 to=1% every=2", [("LambdaLR", {}), ("ConstantLR", {})]),
    (
        "cosine 90 min=1e-4",
        [("CosineAnnealingLR", {"T_max": 90, "eta_min": 1e-4}), ("ConstantLR", {})],
    ),
    ("cosine 90 to=2x", [("CosineAnnealingLR", {"eta_min": 0.2}), ("LambdaLR", {})]),
    ("linear 5 to=50% -> cosine 90", [("LinearLR", {}), ("LambdaLR", {}), ("ConstantLR", {})]),
    (
        "linear 5 to=50% -> cosine 90 from=1x",
        [("LinearLR", {}), ("CosineAnnealingLR", {}), ("ConstantLR", {})],
    ),
    ("poly 9 power=2 min=1% -> hold", [("LambdaLR", {}), ("ConstantLR", {})]),
    ("sqrt 9", [("LambdaLR", {}), ("ConstantLR", {})]),
    (
        "warmup 5 -> exp 10 gamma=0.9",
        [("LinearLR", {}), ("ExponentialLR", {"gamma": 0.9}), ("ConstantLR", {})],
    ),
    ("exp 2 to=1%", [("ExponentialLR", {"gamma": pytest.approx(0.1)}), ("ConstantLR", {})]),
    (
        "warmup 5 -> step every=30 gamma=0.5",
        [("LinearLR", {}), ("StepLR", {"step_size": 30, "gamma": 0.5})],
    ),
    ("warmup 5 -> step every=2.5 gamma=0.5", [("LinearLR", {}), ("LambdaLR", {})]),
    ("warmup 5 -> step every=30 min=1%", [("LinearLR", {}), ("LambdaLR", {})]),
    (
        "warmup 5 -> multistep at=[30, 60]",
        [("LinearLR", {}), ("MultiStepLR", {"milestones": {25: 1, 55: 1}, "gamma": 0.1})],
    ),
    ("warmup 5 -> multistep at=[30, 60] gamma=[0.1, 0.5]", [("LinearLR", {}), ("LambdaLR", {})]),
    (
        "warmup 5 -> restarts first=10 mult=2 min=1%",
        [
            ("LinearLR", {}),
            ("CosineAnnealingWarmRestarts", {"T_0": 10, "T_mult": 2, "eta_min": 1e-3}),
        ],
    ),
    ("warmup 5 -> restarts first=10 shrink=0.5", [("LinearLR", {}), ("LambdaLR", {})]),
    ("warmup 5 -> restarts first=10 mult=1.5", [("LinearLR", {}), ("LambdaLR", {})]),
    (
        "warmup 5 -> cyclic up=5 min=1%",
        [("LinearLR", {}), ("CyclicLR", {"max_lrs": [0.1], "total_size": 10.0})],
    ),
    ("warmup 5 -> cyclic up=5 min=1% mode=triangular2", [("LinearLR", {}), ("LambdaLR", {})]),
    (
        "cyclic 20 up=5 min=1% mode=triangular2 -> hold 3",
        [("CyclicLR", {"mode": "triangular2"}), ("ConstantLR", {})],
    ),
    ("cyclic 20 up=5 min=1% mode=exp_range gamma=1.1", [("LambdaLR", {}), ("ConstantLR", {})]),
    ("warmup 5 -> onecycle 50", [("LinearLR", {}), ("LambdaLR", {}), ("ConstantLR", {})]),
    ("warmup 5 -> inverse_sqrt", [("LinearLR", {}), ("LambdaLR", {})]),
    ("warmup 5 -> fn {0.9 ** t}", [("LinearLR", {}), ("LambdaLR", {})]),
    (
        "linear 5 to=50% -> (hold 4) * (linear 6 to=50%) -> hold 2",
        [("LinearLR", {}), ("LambdaLR", {}), ("ConstantLR", {"factor": 0.25})],
    ),
    ("warmup 5 -> (linear 5 to=50% -> linear 5 to=1x) x inf", [("LinearLR", {}), ("LambdaLR", {})]),
    ("(linear 5 from=1x to=50%) x 2", [("LinearLR", {}), ("LinearLR", {}), ("ConstantLR", {})]),
    ("warmup 4 -> cosine 0", [("LinearLR", {}), ("ConstantLR", {"factor": 0.0})]),
    ("hold 4 -> linear 0 to=10%", [("ConstantLR", {}), ("ConstantLR", {"factor": 0.1})]),
]


@pytest.mark.parametrize(("line", "members"), CHAINS, ids=[line for line, _ in CHAINS])
def test_members(line: str, members: list[tuple[str, dict[str, Any]]]) -> None:
    scheduler: Any = schedlang.parse(line).to_torch(sgd(0.1))
    assert isinstance(scheduler, lr_scheduler.SequentialLR)
    children = scheduler._schedulers
    assert [type(child) for child in children] == [getattr(lr_scheduler, n) for n, _ in members]
    for child, (_, attributes) in zip(children, members, strict=True):
        for name, want in attributes.items():
            assert getattr(child, name) == want, name


# line, the class that is the whole of it
ALONE = [
    ("hold", lr_scheduler.ConstantLR),
    ("hold 5 to=50%", lr_scheduler.ConstantLR),
    ("linear 10 to=50%", lr_scheduler.LinearLR),
    ("warmup 10", lr_scheduler.LinearLR),
    ("poly 10 power=2", lr_scheduler.PolynomialLR),
    ("exp gamma=0.9", lr_scheduler.ExponentialLR),
    ("step every=30", lr_scheduler.StepLR),
    ("multistep at=[30, 60]", lr_scheduler.MultiStepLR),
    ("multistep 90 at=[30, 60]", lr_scheduler.MultiStepLR),
    ("restarts first=10", lr_scheduler.CosineAnnealingWarmRestarts),
    ("cyclic up=5 min=1%", lr_scheduler.CyclicLR),
    ("cyclic up=2.5 min=1%", lr_scheduler.CyclicLR),
    ("cyclic up=10/3 min=1%", lr_scheduler.LambdaLR),
    ("cyclic up=5 min=1% mode=triangular2 momentum=[0.8, 0.9]", lr_scheduler.CyclicLR),
    ("onecycle 100 momentum=[0.85, 0.95]", lr_scheduler.OneCycleLR),
    ("plateau factor=0.5 min=1%", lr_scheduler.ReduceLROnPlateau),
    ("inverse_time rate=0.1", lr_scheduler.LambdaLR),
    ("(warmup 5 -> hold) * (step every=3)", lr_scheduler.LambdaLR),
]


@pytest.mark.parametrize(("line", "scheduler"), ALONE, ids=[line for line, _ in ALONE])
def test_one_class_alone(line: str, scheduler: type) -> None:
    made = schedlang.parse(line).to_torch(sgd(0.1))
    assert isinstance(made, scheduler)
    assert type(made).__name__ == scheduler.__name__


@pytest.mark.parametrize(
    "line", ["cosine 10", "step 90 every=30", "multistep 60 at=[30, 60]", "restarts 20 first=10"]
)
def test_a_phase_that_ends_is_not_alone_where_its_class_goes_on(line: str) -> None:
    assert isinstance(schedlang.parse(line).to_torch(sgd(0.1)), lr_scheduler.SequentialLR)


# bases, line, members
GROUPS = [
    ((0.1, 0.2), "warmup 5 -> cosine 20 min=1e-4", ["LinearLR", "CosineAnnealingLR", "LambdaLR"]),
    ((0.1, 0.2), "warmup 5 -> cosine 20 min=1%", ["LinearLR", "LambdaLR", "ConstantLR"]),
    ((0.1, 0.2), "warmup 5 -> cosine 20", ["LinearLR", "CosineAnnealingLR", "ConstantLR"]),
    ((0.1, 0.0), "warmup 5 -> cosine 20", ["LinearLR", "CosineAnnealingLR", "ConstantLR"]),
    ((0.1, 0.0), "warmup 5 -> cosine 20 min=1%", ["LinearLR", "LambdaLR", "ConstantLR"]),
    ((0.0, 0.0), "warmup 5 -> cosine 20 min=1%", ["LambdaLR", "CosineAnnealingLR", "LambdaLR"]),
    ((0.1, 0.2), "linear 5 to=1e-3 -> hold 5", ["LambdaLR", "LambdaLR"]),
    ((0.1, 0.2), "hold 5 -> cyclic up=3 min=1% max=1x", ["ConstantLR", "CyclicLR"]),
]


@pytest.mark.parametrize(
    ("bases", "line", "members"), GROUPS, ids=[f"{g[0]} {g[1]}" for g in GROUPS]
)
def test_members_for_several_groups(
    bases: tuple[float, ...], line: str, members: list[str]
) -> None:
    scheduler: Any = schedlang.parse(line).to_torch(sgd(*bases))
    assert [type(child).__name__ for child in scheduler._schedulers] == members


# line, binding, why
REFUSED = [
    (
        "warmup 5 -> plateau",
        {},
        "`plateau` follows another phase, and SequentialLR refuses ReduceLROnPlateau",
    ),
    (
        "hold 0 to=50% -> plateau",
        {},
        "`plateau` follows another phase, and SequentialLR refuses ReduceLROnPlateau",
    ),
    (
        "plateau factor=0.5",
        {"steps_per_epoch": 10},
        (
            "`plateau factor=0.5` counts epochs, but a tick is an update "
            "and ReduceLROnPlateau counts every step"
        ),
    ),
    (
        "warmup 5 -> onecycle 20 momentum=[0.8, 0.9]",
        {},
        (
            "`onecycle 20 momentum=[0.8, 0.9]` moves the momentum, "
            "which PyTorch's own class can do only as the whole schedule"
        ),
    ),
]


@pytest.mark.parametrize(("line", "binding", "why"), REFUSED, ids=[line for line, *_ in REFUSED])
def test_what_the_chain_refuses_goes_fused(line: str, binding: dict[str, Any], why: str) -> None:
    optimizer = sgd(0.1)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        schedlang.parse(line).to_torch(optimizer, engine="chain", **binding)
    assert str(refused.value) == f'{why}: use engine="fused"'
    assert set(optimizer.param_groups[0]) == set(sgd(0.1).param_groups[0])  # nothing was touched
    assert type(schedlang.parse(line).to_torch(optimizer, **binding)).__name__ == "Fused"


@pytest.mark.parametrize(("arguments", "name"), [({}, "StepLR"), ({"delay": 5}, "LambdaLR")])
def test_an_argument_that_the_class_does_not_have(arguments: dict[str, Any], name: str) -> None:
    line, optimizer, rates = delayed(**arguments), sgd(0.1), []
    scheduler = line.to_torch(optimizer)
    assert type(scheduler).__name__ == name
    for _ in range(70):  # not `train`, which reads the line again: no text has this argument
        rates.append(look(optimizer).rates[0])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(line.bind(lr=0.1).curve(70).tolist())


def test_other_refusals() -> None:
    line = schedlang.parse("hold")
    with pytest.raises(ValueError, match=r"^engine must be one of auto, chain, fused, not 'both'$"):
        line.to_torch(sgd(), engine="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^a tick must be at least 0, not -1$"):
        line.to_torch(sgd(), start=-1)
    with pytest.raises(schedlang.ScheduleError, match="base-differs"):
        schedlang.parse("lr=0.2 | hold").to_torch(sgd(0.1))


@pytest.mark.parametrize("first", ["cosine 10", "onecycle 10", "cyclic up=3 min=1%", "plateau"])
@pytest.mark.parametrize("engine", ["chain", "fused"])
@pytest.mark.parametrize("second", ["step every=2", "linear 4", "hold 2 -> cosine 3"])
def test_an_optimizer_that_was_scheduled_before_starts_on_its_base_rate(
    first: str, engine: Any, second: str
) -> None:
    optimizer = sgd(0.1)
    line = schedlang.parse(first)
    train(line.to_torch(optimizer), 7, [1.0] * 7 if first == "plateau" else None)
    again = schedlang.parse(second).to_torch(optimizer, engine=engine)
    assert look(optimizer).rates == [0.1]
    assert again.last_epoch == 0


def test_onecycle_holds_its_end_and_leaves_the_base_rate_alone() -> None:
    optimizer = sgd(0.1, 0.3)
    scheduler = schedlang.parse("onecycle 10 momentum=[0.8, 0.9]").to_torch(optimizer)
    assert isinstance(scheduler, lr_scheduler.OneCycleLR)
    seen = train(scheduler, 50)
    assert {tuple(each.rates) for each in seen[10:]} == {tuple(seen[9].rates)}
    assert {each.momentum for each in seen[9:]} == {0.9}
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.1, 0.3]


def test_a_lambda_is_pickled_as_what_it_is_made_of() -> None:
    import pickle

    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("hold 3 -> sqrt 7").to_torch(optimizer)
    share = scheduler._schedulers[1].lr_lambdas[0]
    assert share.__dict__ == {}  # so that nothing of it is in a state_dict
    again = pickle.loads(pickle.dumps(share))
    assert [again(t) for t in (0, 3, 6, 2)] == [share(t) for t in (0, 3, 6, 2)]
    assert share(3) == pytest.approx(1 - (3 / 7) ** 0.5)


@pytest.mark.parametrize("engine", ["chain", "fused"])
def test_a_warning_of_pytorchs_own_is_issued(engine: Any) -> None:
    scheduler = schedlang.parse("hold 3 -> cosine 10").to_torch(sgd(0.1), engine=engine)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
