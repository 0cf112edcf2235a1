"""Rates that somebody else has changed, base rates that are assigned, groups that are added."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import SGD, Optimizer

import schedlang
from schedlang import ScheduleWarning
from schedlang.torch.assignments import Assignment
from tests.torch.rig import ENGINES, close, look, sgd, train

# A line for each of PyTorch's classes, alone and in a chain, and their momentum.
LINES = [
    "warmup 10 -> cosine 90",
    "warmup 10 -> exp gamma=0.9",
    "hold 3 -> step every=4 gamma=0.5",
    "linear 30 to=10%",
    "poly 30 power=2",
    "exp gamma=0.9",
    "step every=4 gamma=0.5",
    "multistep at=[3, 8]",
    "restarts first=5 mult=2",
    "cyclic up=5 min=1% momentum=[0.8, 0.9]",
    "onecycle 30 momentum=[0.85, 0.95]",
    "inverse_time rate=0.1",
    "warmup 3 -> (linear 5 to=50% -> linear 5 to=1x) x inf",
]
CHANGED = (
    "the learning rate of group {group} was changed from {written} to {found} by other code, and "
    "the schedule sets it again: to change it on purpose, assign scheduler.base_lrs, or write a "
    "product (`*`) instead of a second scheduler"
)


def messages(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(each.message) for each in caught if each.category is ScheduleWarning]


def follows(scheduler: Any, line: str, bases: list[float], ticks: int) -> None:
    """Every rate is the curve's, from the present tick on."""
    programs = [schedlang.parse(line).bind(lr=base) for base in bases]
    for _ in range(ticks):
        tick = scheduler.last_epoch
        rates = look(scheduler.optimizer).rates
        for group, (rate, base, program) in enumerate(zip(rates, bases, programs, strict=True)):
            want = program.at(tick)
            assert close(rate, want, base or 1.0), f"tick {tick}, group {group}: {rate} != {want}"
        train(scheduler, 1)


def set_rate(optimizer: Optimizer) -> None:
    optimizer.param_groups[0]["lr"] = 0.05


def multiply(optimizer: Optimizer) -> None:
    optimizer.param_groups[0]["lr"] *= 1 + 1e-6


def load_another(optimizer: Optimizer) -> None:
    other = sgd(0.05, 0.3)
    optimizer.load_state_dict(copy.deepcopy(other.state_dict()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("disturb", [set_rate, multiply, load_another])
def test_a_changed_rate_is_written_over(
    line: str, engine: Any, disturb: Callable[[Optimizer], None]
) -> None:
    optimizer = sgd(0.1, 0.3)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 3)  # the fused engine looks at one group a step, now at the first
    written = look(optimizer).rates[0]
    disturb(optimizer)
    found = look(optimizer).rates[0]
    optimizer.step()
    with pytest.warns(ScheduleWarning) as caught:
        scheduler.step()
    message = CHANGED.format(group=0, written=f"{written:g}", found=f"{found:g}")
    assert messages(list(caught)) == [message]
    assert caught[0].filename == __file__
    follows(scheduler, line, [0.1, 0.3], 40)
    set_rate(optimizer)
    train(scheduler, 2)  # no second warning: it would be an error
    follows(scheduler, line, [0.1, 0.3], 5)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_change_is_written_over_and_each_scheduler_warns_once(engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("warmup 10 -> cosine 90").to_torch(optimizer, engine=engine)
    program = schedlang.parse("warmup 10 -> cosine 90").bind(lr=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        for tick in range(20):
            optimizer.step()
            scheduler.step()
            assert close(look(optimizer).rates[0], program.at(tick + 1), 0.1)
            optimizer.param_groups[0]["lr"] = 0.05
    assert len(messages(caught)) == 1


@pytest.mark.parametrize("bases", [[0.1], [0.1, 0.1], [0.1, 0.3]], ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_warning_that_is_an_error_ends_no_tick(engine: Any, bases: list[float]) -> None:
    line = "warmup 5 -> hold 3 -> linear 20"
    optimizer = sgd(*bases)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 6)
    for group in optimizer.param_groups:
        group["lr"] = 0.05
    optimizer.step()
    with pytest.raises(ScheduleWarning, match="was changed from"):
        scheduler.step()
    assert scheduler.last_epoch == 6
    for group, base in zip(optimizer.param_groups, bases, strict=True):
        group["lr"] = base
    follows(scheduler, line, bases, 20)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_rounding_does_is_no_change(engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("warmup 10 -> cosine 90").to_torch(optimizer, engine=engine)
    for _ in range(30):
        train(scheduler, 1)
        optimizer.param_groups[0]["lr"] *= 1 + 1e-12
    follows(scheduler, "warmup 10 -> cosine 90", [0.1], 1)


def test_pytorchs_chained_scheduler_is_told_of_products() -> None:
    optimizer = sgd(0.1)
    ours = schedlang.parse("linear 10 to=50%").to_torch(optimizer)
    other = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    both = torch.optim.lr_scheduler.ChainedScheduler([ours, other], optimizer)
    optimizer.step()
    both.step()
    with pytest.warns(
        ScheduleWarning, match=r"`ExponentialLR`, .* In one line, `[*]` multiplies two"
    ):
        both.step()


# ---------------------------------------------------------------------- states, in both orders


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("choice", ["raise", "keep-step", "keep-fraction"])
@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_states_in_both_orders(line: str, engine: Any, choice: Any, first: str) -> None:
    old = sgd(0.1, 0.3)
    before = schedlang.parse(line).to_torch(old, engine=engine, total=2000)
    train(before, 12)
    states = {
        "optimizer": copy.deepcopy(old.state_dict()),
        "scheduler": copy.deepcopy(before.state_dict()),
    }
    total = 2000 if choice == "raise" else 4000
    optimizer = sgd(0.1, 0.3)
    scheduler = schedlang.parse(line).to_torch(
        optimizer, engine=engine, total=total, on_mismatch=choice
    )
    loads = {"optimizer": optimizer, "scheduler": scheduler}
    for name in (first, *(loads.keys() - {first})):
        loads[name].load_state_dict(states[name])  # type: ignore[attr-defined]
    ticks = 24 if choice == "keep-fraction" else 12
    assert scheduler.last_epoch == ticks
    train(scheduler, 1)
    follows(scheduler, line, [0.1, 0.3], 30)
    optimizer.load_state_dict(states["optimizer"])  # long after the scheduler's state
    scheduler.last_epoch  # noqa: B018
    optimizer.step()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler.step()
    same = close(states["optimizer"]["param_groups"][0]["lr"], 0.0, 0.1)
    assert len(messages(caught)) <= 1 + same
    follows(scheduler, line, [0.1, 0.3], 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_optimizers_state_alone_is_a_change(engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse("warmup 10 -> cosine 90").to_torch(optimizer, engine=engine)
    scheduler.load_state_dict(scheduler.state_dict())
    train(scheduler, 3)
    optimizer.load_state_dict(copy.deepcopy(sgd(0.05).state_dict()))
    with pytest.warns(ScheduleWarning, match=r"^the learning rate of group 0 was changed"):
        train(scheduler, 1)
    follows(scheduler, "warmup 10 -> cosine 90", [0.1], 20)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_other_base_rates_are_named_in_both_orders(engine: Any, first: str) -> None:
    line = schedlang.parse("warmup 10 -> cosine 90")
    old = sgd(0.3)
    before = line.to_torch(old, engine=engine)
    train(before, 5)
    optimizer = sgd(0.1)
    scheduler = line.to_torch(optimizer, engine=engine)
    if first == "optimizer":
        optimizer.load_state_dict(copy.deepcopy(old.state_dict()))
    with pytest.raises(ValueError, match=r"group 0 has the base rate 0\.3 there, 0\.1 here"):
        scheduler.load_state_dict(before.state_dict())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_copy_is_as_watchful(engine: Any) -> None:
    line = "warmup 10 -> cosine 90"
    scheduler = schedlang.parse(line).to_torch(sgd(0.1), engine=engine, on_mismatch="keep-step")
    train(scheduler, 4)
    for again in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        follows(again, line, [0.1], 10)
        again.optimizer.param_groups[0]["lr"] = 0.05
        with pytest.warns(ScheduleWarning, match="was changed from"):
            train(again, 1)
        follows(again, line, [0.1], 10)
        again.load_state_dict(schedlang.parse("hold").to_torch(sgd(0.1)).state_dict())
        assert again.last_epoch == 0


# ---------------------------------------------------------------------- base rates


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", [*LINES, "warmup 5 -> cosine 50 min=1e-3", "cosine 50 min=1e-3"])
def test_assigned_base_rates_count_from_the_next_step(
    line: str, engine: Any, in_place: bool
) -> None:
    optimizer = sgd(0.1, 0.3)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    assert scheduler.base_lrs == [0.1, 0.3]
    train(scheduler, 7)
    if in_place:
        scheduler.base_lrs[0] = 0.05
    else:
        scheduler.base_lrs = [0.05, 0.3]
    optimizer.step()
    scheduler.step()
    assert scheduler.base_lrs == [0.05, 0.3]
    follows(scheduler, line, [0.05, 0.3], 40)
    state = copy.deepcopy(scheduler.state_dict())
    assert state["bases"]["lr"] == [0.05, 0.3]
    again = sgd(0.1, 0.3)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    resumed = schedlang.parse(line).to_torch(again, engine=engine)
    resumed.load_state_dict(state)
    follows(resumed, line, [0.05, 0.3], 10)


@pytest.mark.parametrize("engine", ENGINES)
def test_wrong_base_rates_are_refused(engine: Any) -> None:
    scheduler = schedlang.parse("cosine 90 min=1e-3").to_torch(sgd(0.1), engine=engine)
    with pytest.raises(schedlang.ScheduleError, match="decay-rises"):
        scheduler.base_lrs = [1e-4]
    with pytest.raises(ValueError, match=r"^there are 1 parameter groups, and 2 base rates$"):
        scheduler.base_lrs = [0.1, 0.2]
    follows(scheduler, "cosine 90 min=1e-3", [0.1], 10)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stale_initial_lr_is_warned_of_at_the_first_step(engine: Any) -> None:
    optimizer = sgd(0.1, 0.2)
    optimizer.param_groups[1]["initial_lr"] = 0.4
    line = schedlang.parse("warmup 10 -> cosine 90")
    scheduler = line.to_torch(optimizer, engine=engine)
    optimizer.step()
    with pytest.warns(ScheduleWarning) as caught:
        scheduler.step()
    (message,) = messages(list(caught))
    assert message == (
        "the base rate of group 1 is its initial_lr=0.4, set by an earlier scheduler, and not "
        "its lr=0.2: delete initial_lr from the group to use lr, or load the scheduler's state to "
        "resume"
    )
    assert caught[0].filename == __file__
    follows(scheduler, "warmup 10 -> cosine 90", [0.1, 0.4], 10)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_base_rate_of_a_resumed_run_is_not_stale(engine: Any) -> None:
    line = schedlang.parse("warmup 10 -> cosine 90")
    optimizer = sgd(0.1)
    first = line.to_torch(optimizer, engine=engine)
    train(first, 5)
    second = line.to_torch(optimizer, engine=engine)
    second.load_state_dict(first.state_dict())
    train(second, 2)
    third = line.to_torch(optimizer, engine=engine, start=7)
    follows(third, "warmup 10 -> cosine 90", [0.1], 5)


# ---------------------------------------------------------------------- added groups


def add_group(optimizer: Optimizer, lr: Any, **more: Any) -> None:
    group = {"params": [torch.zeros(1, requires_grad=True)], "lr": lr, **more}
    optimizer.add_param_group(group)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", [*LINES, "warmup 5 -> cosine 20 min=1e-3", "hold 3 -> hold"])
def test_added_groups_are_taken_up_at_the_next_step(line: str, engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 4)
    add_group(optimizer, 0.5)
    add_group(optimizer, 0.2, initial_lr=0.4)
    optimizer.step()
    scheduler.step()
    follows(scheduler, line, [0.1, 0.5, 0.4], 40)
    assert [float(rate) for rate in scheduler.get_last_lr()] == look(optimizer).rates
    assert scheduler.base_lrs == [0.1, 0.5, 0.4]
    # A run that is resumed adds its group again, or has it from the beginning.
    for bases in ((0.1,), (0.1, 0.5, 0.4)):
        again = sgd(*bases)
        resumed = schedlang.parse(line).to_torch(again, engine=engine)
        if len(bases) == 1:
            add_group(again, 0.7)
            add_group(again, 0.7)
            again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        resumed.load_state_dict(copy.deepcopy(scheduler.state_dict()))
        follows(resumed, line, [0.1, 0.5, 0.4], 10)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_added_group_for_which_the_line_is_wrong_keeps_its_values(engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("warmup 5 -> cosine 50 min=1e-3").to_torch(optimizer, engine=engine)
    train(scheduler, 3)
    add_group(optimizer, 1e-4)
    optimizer.step()
    with pytest.warns(ScheduleWarning) as caught:
        scheduler.step()
    (message,) = messages(list(caught))
    assert message == (
        "parameter group 1 is no longer scheduled: the schedule is not valid for its base rate "
        "0.0001: this phase with `min=` goes up: from 0.0001 to 0.001"
    )
    assert "initial_lr" not in optimizer.param_groups[1]
    for _ in range(20):
        train(scheduler, 1)
        assert optimizer.param_groups[1]["lr"] == 1e-4
        assert float(scheduler.get_last_lr()[1]) == 1e-4
    want = schedlang.parse("warmup 5 -> cosine 50 min=1e-3").bind(lr=0.1).at(24)
    assert close(look(optimizer).rates[0], want, 0.1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", ["warmup 5 -> cosine 50", "step every=10"])
def test_a_group_whose_rate_others_keep_setting_is_left_alone(line: str, engine: Any) -> None:
    """Lightning's ``BackboneFinetuning``: it adds a group, and sets its rate at each epoch."""
    optimizer = sgd(0.1)
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 3)
    add_group(optimizer, 0.01)
    rate, seen = 0.01, []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        for _ in range(6):
            optimizer.step()
            scheduler.step()
            seen.append(optimizer.param_groups[1]["lr"])
            rate *= 2
            optimizer.param_groups[1]["lr"] = rate
    written = schedlang.parse(line).bind(lr=0.01)
    assert seen[:2] == pytest.approx([written.at(4), written.at(5)])
    assert seen[2:] == pytest.approx([0.04, 0.08, 0.16, 0.32])
    first = CHANGED.format(group=1, written=f"{written.at(4):g}", found="0.02")
    left = "parameter group 1 is no longer scheduled: other code keeps setting its learning rate"
    assert messages(caught) == [first, left]
    assert close(look(optimizer).rates[0], schedlang.parse(line).bind(lr=0.1).at(9), 0.1)
    # And so it is in a run that is resumed.
    again = sgd(0.1, 0.01)
    resumed = schedlang.parse(line).to_torch(again, engine=engine)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    resumed.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    train(resumed, 3)
    assert again.param_groups[1]["lr"] == rate


@pytest.mark.parametrize(
    ("line", "engine"),
    [
        ("hold 1 -> plateau factor=0.5 patience=0", "fused"),
        ("plateau factor=0.5 patience=0 min=1e-9", "fused"),
        ("plateau factor=0.5 patience=0 min=1e-9", "chain"),
    ],
)
def test_an_added_group_joins_a_reduced_plateau(line: str, engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler: Any = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 4, [1.0] * 4)
    add_group(optimizer, 0.8)
    scheduler.step(0.5)
    reductions = scheduler.state_dict()["plateau"]["lr"]["reductions"]
    assert reductions > 1
    want = [0.1 / 2**reductions, 0.8 / 2**reductions]
    assert look(optimizer).rates == pytest.approx(want)


@pytest.mark.parametrize("engine", ENGINES)
def test_base_rates_may_be_assigned_before_an_added_group_is_taken_up(engine: Any) -> None:
    optimizer = sgd(0.1)
    scheduler = schedlang.parse("warmup 5 -> cosine 50").to_torch(optimizer, engine=engine)
    train(scheduler, 3)
    add_group(optimizer, 0.7)
    scheduler.base_lrs = [0.1, 0.5]
    optimizer.step()
    scheduler.step()
    follows(scheduler, "warmup 5 -> cosine 50", [0.1, 0.5], 10)
    assert optimizer.param_groups[1]["initial_lr"] == 0.5


@pytest.mark.parametrize("steps", [0, 3, 8])
@pytest.mark.parametrize("engine", ENGINES)
def test_fewer_groups_are_refused(engine: Any, steps: int) -> None:
    optimizer = sgd(0.1, 0.2)
    scheduler = schedlang.parse("warmup 5 -> cosine 9").to_torch(optimizer, engine=engine)
    train(scheduler, steps)
    del optimizer.param_groups[1]
    with pytest.raises(ValueError, match=r"^there were 2 parameter groups, now there are 1$"):
        scheduler.step()


# ---------------------------------------------------------------------- tensors, NumPy, many groups


@pytest.mark.parametrize("line", ["warmup 10 -> cosine 90", "step every=4", "plateau"])
def test_tensor_rates_are_written_and_never_read(line: str) -> None:
    optimizer = sgd(0.1, tensor=True)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        schedlang.parse(line).to_torch(optimizer, engine="chain")
    assert str(refused.value) == (
        "a parameter group has a tensor as its rate, which PyTorch's own classes replace or "
        'multiply, differently from release to release: use engine="fused"'
    )
    assert type(schedlang.parse(line).to_torch(optimizer)).__name__ == "Fused"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tensor_that_a_state_has_brought_is_filled(engine: Any) -> None:
    line = "warmup 10 -> cosine 90"
    optimizer = sgd(0.1, tensor=engine == "fused")
    scheduler = schedlang.parse(line).to_torch(optimizer, engine=engine)
    train(scheduler, 5)
    optimizer.load_state_dict(copy.deepcopy(sgd(0.7, tensor=True).state_dict()))
    rate = optimizer.param_groups[0]["lr"]
    train(scheduler, 1)
    assert optimizer.param_groups[0]["lr"] is rate
    follows(scheduler, line, [0.1], 20)


PRECISE = [
    (torch.tensor(1e-5), 1e-5),
    (torch.tensor(0.1), 0.1),
    (torch.tensor(3e-4, dtype=torch.bfloat16), 3e-4),
    (torch.tensor(3e-4, dtype=torch.float16), 3e-4),
    (torch.tensor(0.1, dtype=torch.float64), 0.1),
    (torch.tensor(1 / 3, dtype=torch.float64), 1 / 3),
    (torch.tensor(1), 1.0),
    (np.float32(1e-5), 1e-5),
    (np.float64(1 / 3), 1 / 3),
    (1, 1.0),
]


@pytest.mark.parametrize(("rate", "base"), PRECISE)
def test_a_base_rate_of_less_precision_is_what_was_written(rate: Any, base: float) -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    optimizer.param_groups[0]["lr"] = rate
    scheduler = schedlang.parse(f"cosine 90 min={base!r}").to_torch(optimizer)
    assert scheduler.base_lrs == [base]
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(base, rel=1e-2)


@pytest.mark.parametrize("engine", ENGINES)
def test_numpy_numbers_leave_a_state_of_plain_data(engine: Any, tmp_path: Any) -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=np.float64(0.1))
    line = schedlang.parse("warmup 5 -> cosine 20")
    scheduler = line.to_torch(optimizer, engine=engine, start=np.int64(3))
    train(scheduler, 1)
    torch.save([scheduler.state_dict(), optimizer.state_dict()], tmp_path / "state.pt")
    state, _ = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["last_epoch"] == 4
    scheduler.load_state_dict({**state, "last_epoch": np.int64(6)})
    assert type(scheduler.last_epoch) is int


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reduction_binds_nothing_anew(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bases = [0.1 + i / 1000 for i in range(300)]
    optimizer = sgd(*bases)
    line = schedlang.parse("plateau factor=0.5 patience=0 min=1%")
    scheduler: Any = line.to_torch(optimizer, engine=engine)
    bound: list[float | None] = []
    program = type(scheduler.program)
    lower = program.rebase

    def counted(self: Any, base: float | None) -> Any:
        bound.append(base)
        return lower(self, base)

    monkeypatch.setattr(program, "rebase", counted)
    for metric in (1.0, 1.0, 1.0):
        optimizer.step()
        scheduler.step(metric)
    assert look(optimizer).rates == pytest.approx([base / 4 for base in bases], rel=1e-12)
    assert set(bound) <= {None}


@pytest.mark.parametrize("line", LINES)
def test_an_undisturbed_step_compares_no_rate_group_by_group(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an ordinary step of the chain costs: one comparison of all rates at once."""
    engine: Any = "auto" if "momentum" in line else "chain"
    scheduler: Any = schedlang.to_torch(sgd(), line, engine=engine)
    looked: list[Any] = []
    original = Assignment.put_back

    def put_back(assignment: Assignment, *args: Any) -> None:
        looked.append(assignment)
        original(assignment, *args)

    monkeypatch.setattr(Assignment, "put_back", put_back)
    train(scheduler, 12)
    assert len(looked) <= 1 + sum(begin <= 12 for begin in getattr(scheduler, "_milestones", ()))
