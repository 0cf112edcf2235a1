"""Random runs: rates that others change, added groups, states in both orders, closing zeros."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import schedlang
from tests.cases import Case
from tests.strategies import schedules
from tests.torch.rig import ENGINES, close, look, on, sgd

BASES = st.sampled_from([1e-3, 0.1, 3.0])
CLOSING = [
    "", " -> cosine 0", " -> linear 0 to=10%", " -> hold 0 to=1x", " -> decay sqrt 0 to=0",
    " -> hold 0", " -> poly 0 to=50%",
]  # fmt: skip
EVENT = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 9), st.sampled_from([0.0, 1e-4, 0.05, 7.0])),
    st.tuples(st.just("add"), BASES),
    st.tuples(st.just("base"), st.integers(0, 9), BASES),
    st.tuples(st.just("resume"), st.sampled_from(["optimizer", "scheduler", "scheduler alone"])),
    st.tuples(st.just("copy")),
)


def is_right(case: Case, base: float) -> bool:
    try:
        case.bind().rebase(base)
    except schedlang.ScheduleError:
        return False
    return True


@pytest.mark.parametrize("engine", ENGINES)
@given(
    case=schedules(),
    closing=st.sampled_from(CLOSING),
    others=st.lists(BASES, max_size=2),
    events=st.dictionaries(st.integers(0, 40), EVENT, max_size=5),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_curve_holds_whatever_happens(
    engine: str, case: Case, closing: str, others: list[float], events: dict[int, tuple[Any, ...]]
) -> None:
    assume("lr=" not in case.text)
    if closing and case.bind().length is not None:
        try:
            case = Case(case.name, case.text + closing, case.binding, case.lr)
            case.bind()
        except schedlang.ScheduleError:
            assume(False)
    bases = [case.lr, *others]
    assume(all(is_right(case, base) for base in bases))
    optimizer = sgd(*bases)
    scheduler = on(case, optimizer, engine)
    touched: set[int] = set()  # added groups whose rate was set once: the next time they are left
    built_for = len(bases)
    curves: dict[float, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", schedlang.ScheduleWarning)
        for tick in range(45):
            assert scheduler.last_epoch == tick
            rates = look(optimizer).rates
            for i, (rate, base) in enumerate(zip(rates, bases, strict=True)):
                if base not in curves:
                    curves[base] = case.bind().rebase(base).curve(45)
                want = curves[base][tick]
                assert close(rate, want, base), f"tick {tick}, group {i}: {rate} and not {want}"
            if engine == "chain" and tick in (0, 20):
                assert scheduler.get_last_lr() == rates
            new = list(bases)
            match events.get(tick):
                case ("set", group, value):
                    i = group % len(bases)
                    if i < built_for or i not in touched:
                        optimizer.param_groups[i]["lr"] = value
                        touched.add(i)
                case ("add", base) if is_right(case, base):
                    group = {"params": [torch.zeros(1, requires_grad=True)], "lr": base}
                    optimizer.add_param_group(group)
                    new.append(base)
                case ("base", group, base) if is_right(case, base):
                    new[group % len(bases)] = base
                    scheduler.base_lrs = new
                case ("resume", order):
                    state = copy.deepcopy(scheduler.state_dict())
                    groups = copy.deepcopy(optimizer.state_dict())
                    optimizer = sgd(*bases)
                    scheduler = on(case, optimizer, engine)
                    built_for, touched = len(bases), set()
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
            bases = new
            optimizer.step()
            scheduler.step()
