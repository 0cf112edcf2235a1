"""Plans on an optimizer: each number of each group is the curve of its line, whatever happens."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, AdamW

import schedlang
from schedlang import Plan
from schedlang.torch import FusedPlan
from tests.cases import Case
from tests.strategies import lines_of_a_run
from tests.torch.rig import close

NAMES = ("backbone.0", "backbone.1", "head")
KEYS = ("lr", "weight_decay", "momentum")
DETECTION: dict[str, Any] = {
    "lr": {
        "backbone*": "hold 5 to=0 -> warmup 5 -> cosine rest min=1%",
        "*": "warmup 5 -> cosine rest min=1%",
    },
    "weight_decay": "cosine 100% to=10x",
    "momentum": "warmup 3 from=0.8 to=0.937 -> hold",
    "values": {"teacher_momentum": "cosine 100% from=0.996 to=1"},
}


def group(name: str = "", **numbers: Any) -> dict[str, Any]:
    own = {"name": name} if name else {}
    return {"params": [torch.zeros(1, requires_grad=True)], **own, **numbers}


def sgd(names: Iterable[str] = NAMES, **numbers: Any) -> SGD:
    given = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.04, **numbers}
    return SGD([group(name) for name in names], **given)


def adamw(names: Iterable[str] = NAMES, **numbers: Any) -> AdamW:
    return AdamW([group(name) for name in names], lr=0.1, **numbers)


def number(group: dict[str, Any], key: str) -> float:
    in_betas = {"beta1": 0, "beta2": 1}
    return float(group["betas"][in_betas[key]] if key in in_betas else group[key])


def assert_follows(scheduler: Any, bound: dict[str, Any], ticks: int, keys: Iterable[str]) -> None:
    """Every number of every group, and every value, from the present tick on."""
    groups = scheduler.optimizer.param_groups
    for _ in range(ticks):
        tick = scheduler.last_epoch
        for key in keys:
            if not isinstance(bound[key], dict):
                assert scheduler.get_last(key) == bound[key].at(tick)
                continue
            last = scheduler.get_last(key)
            for i, each in enumerate(groups):
                program = bound[key][each["name"]]
                got, want = number(each, key), program.at(tick)
                assert close(got, want, program.base or 1), f"{key}, group {i}, tick {tick}: {got}"
                assert float(last[i]) == got
        scheduler.optimizer.step()
        scheduler.step()


def test_every_number_is_the_curve_of_its_line() -> None:
    plan = Plan(DETECTION)
    scheduler = plan.to_torch(sgd(), total=50)
    bound = plan.bind(NAMES, lr=0.1, weight_decay=0.04, momentum=0.9, total=50)
    assert_follows(scheduler, bound, 60, bound)
    assert isinstance(scheduler, FusedPlan)
    assert scheduler._ready  # it has gone the short way
    assert scheduler.optimizer.param_groups[0]["initial_weight_decay"] == 0.04
    assert scheduler.get_last_lr() == scheduler.get_last("lr") == [0.001] * 3


# ── Random plans ─────────────────────────────────────────────────────────────────────────────────

PLACES = ["lr", "lr.a*", "weight_decay", "weight_decay.a*", "beta1", "beta2", "eps", "eps.0"]
BASES = st.sampled_from([1e-3, 0.1, 0.9])
EVENT = st.one_of(
    st.tuples(
        st.just("set"), st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 0.05, 7.0])
    ),
    st.tuples(st.just("add"), st.sampled_from(["a9", "b9"]), BASES),
    st.tuples(st.just("base"), st.integers(0, 9), BASES),
    st.tuples(st.just("resume"), st.sampled_from(["optimizer", "scheduler", "scheduler alone"])),
    st.tuples(st.just("copy")),
)


def assembled(cases: dict[str, Case]) -> dict[str, Any]:
    """The plan of lines by place; what a pattern leaves has a line that holds."""
    plan: dict[str, Any] = {}
    for place, case in cases.items():
        key, _, pattern = place.partition(".")
        if pattern:
            plan[key] = {pattern: case.text, "*": cases[key].text if key in cases else "hold"}
        elif key not in plan:
            plan[key] = case.text
    return plan


class Model:
    """What must be in the groups: the curves of the lines alone."""

    def __init__(self, cases: dict[str, Case], plan: dict[str, Any], ticks: int) -> None:
        self.cases, self.plan, self.ticks = cases, plan, ticks
        self._curves: dict[Any, Any] = {}

    def want(self, key: str, name: str, index: int, base: float, tick: int) -> float | None:
        """The number of a group; None where its line is wrong for it."""
        place = key
        if isinstance(self.plan[key], dict):
            first = next(iter(self.plan[key]))
            fits = index == 0 if first == "0" else name.startswith("a")
            place = f"{key}.{first}" if fits else key
        found = (place, base)
        if found not in self._curves:
            case = self.cases.get(place)
            if case is None:
                return base  # it holds
            try:
                self._curves[found] = case.bind().rebase(base).curve(self.ticks)
            except schedlang.ScheduleError:
                self._curves[found] = None
        curve = self._curves[found]
        return None if curve is None else float(curve[tick])


@given(
    cases=lines_of_a_run(PLACES),
    bases=st.lists(st.tuples(*[BASES] * 5), min_size=2, max_size=2),
    events=st.dictionaries(st.integers(0, 30), EVENT, max_size=5),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_random_plans_hold_whatever_happens(
    cases: dict[str, Case],
    bases: list[tuple[float, ...]],
    events: dict[int, tuple[Any, ...]],
) -> None:
    written = assembled(cases)
    assume(list(written) != ["lr"] or isinstance(written["lr"], dict))
    (binding, *_) = (case.binding for case in cases.values())
    model = Model(cases, written, 40)
    keys = ("lr", "weight_decay", "beta1", "beta2", "eps")
    now = [dict(zip(keys, each, strict=True)) for each in bases]
    names = ["a0", "b1"]

    def optimizer_of() -> AdamW:
        return AdamW(
            [
                group(
                    name,
                    lr=each["lr"],
                    weight_decay=each["weight_decay"],
                    betas=(each["beta1"], each["beta2"]),
                    eps=each["eps"],
                )
                for name, each in zip(names, now, strict=True)
            ]
        )

    def is_right(name: str, index: int, each: dict[str, float]) -> bool:
        return all(model.want(key, name, index, each[key], 0) is not None for key in written)

    assume(all(is_right(name, i, now[i]) for i, name in enumerate(names)))
    optimizer = optimizer_of()
    plan = Plan(written)
    scheduler: Any = plan.to_torch(
        optimizer, later=("a*",) if "a*" in str(written) else (), **binding
    )
    built_for, touched = 2, set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", schedlang.ScheduleWarning)
        for tick in range(36):
            for i, each in enumerate(optimizer.param_groups):
                for key in written:
                    got, want = number(each, key), model.want(key, names[i], i, now[i][key], tick)
                    assert want is not None
                    assert close(got, want, now[i][key]), (
                        f"tick {tick}, {key} of {i}: {got}, {want}"
                    )
            new = [dict(each) for each in now]
            match events.get(tick):
                case ("set", which, place, value):
                    i, key = which % len(now), list(written)[place % len(written)]
                    if (i < built_for or (i, key) not in touched) and not key.startswith("beta"):
                        optimizer.param_groups[i][key] = value
                        touched.add((i, key))
                case ("add", name, base):
                    each = dict.fromkeys(keys, base)
                    if is_right(name, len(now), each):
                        names.append(name)
                        new.append(each)
                        each = {**each, "betas": (base, base)}
                        del each["beta1"], each["beta2"]
                        optimizer.add_param_group(group(name, **each))
                case ("base", which, base):
                    i = which % len(now)
                    if "lr" in written and is_right(names[i], i, {**now[i], "lr": base}):
                        new[i]["lr"] = base
                        scheduler.base_lrs = [each["lr"] for each in new]
                case ("resume", order):
                    state = copy.deepcopy(scheduler.state_dict())
                    groups = copy.deepcopy(optimizer.state_dict())
                    optimizer = optimizer_of()
                    scheduler = plan.to_torch(
                        optimizer, later=("a*",) if "a*" in str(written) else (), **binding
                    )
                    built_for, touched = len(now), set()
                    if order == "optimizer":
                        optimizer.load_state_dict(groups)
                    scheduler.load_state_dict(state)
                    if order == "scheduler":
                        optimizer.load_state_dict(groups)
                case ("copy",):
                    scheduler = copy.deepcopy(scheduler)
                    optimizer = scheduler.optimizer
                case _:
                    pass
            now = new
            optimizer.step()
            scheduler.step()
