"""Plans for optax: schedules by optax's names, by groups, in a jitted step."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

import schedlang
from schedlang import Plan, Program
from tests.cases import Case
from tests.strategies import lines_of_a_run

PLAN = Plan({"lr": "warmup 5% -> cosine rest", "weight_decay": "cosine 100% to=10x"})


def test_names() -> None:
    plan = Plan({**PLAN.mapping(), "beta1": "hold", "beta2": "hold", "eps": "hold"})
    bases: dict[str, Any] = {
        "lr": 0.1,
        "weight_decay": 0.01,
        "beta1": 0.9,
        "beta2": 0.99,
        "eps": 1e-8,
    }
    schedules = plan.to_optax(**bases, total=100)
    assert list(schedules) == ["learning_rate", "weight_decay", "b1", "b2", "eps"]
    optax.inject_hyperparams(optax.adamw)(**schedules)
    assert list(Plan({"momentum": "hold"}).to_optax(momentum=0.9)) == ["momentum"]


def test_a_jitted_step() -> None:
    schedules = PLAN.to_optax(lr=0.1, weight_decay=0.04, total=100)
    optimizer = optax.inject_hyperparams(optax.adamw)(**schedules)
    bound = PLAN.bind(lr=0.1, weight_decay=0.04, total=100)
    parameters = {"w": jnp.ones(3)}
    state = optimizer.init(parameters)

    @jax.jit
    def step(parameters: Any, state: Any) -> Any:
        gradients = jax.tree.map(jnp.zeros_like, parameters)
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    want = 1.0
    for tick in range(100):
        parameters, state = step(parameters, state)
        rate, decay = bound["lr"].at(tick), bound["weight_decay"].at(tick)
        assert state.hyperparams["learning_rate"] == pytest.approx(rate, rel=1e-4, abs=1e-6)
        assert state.hyperparams["weight_decay"] == pytest.approx(decay, rel=1e-4)
        want *= 1 - rate * decay  # decoupled: the gradients are 0
        assert parameters["w"] == pytest.approx([want] * 3, rel=1e-4)


def test_groups_in_a_jitted_step() -> None:
    plan = Plan({**PLAN.mapping(), "lr": {"backbone*": "hold 5 -> linear 10", "*": "linear 10"}})
    groups = ("backbone", "head")
    given: Any = {"lr": {"backbone": 0.01, "head": 0.1}, "weight_decay": 0.04, "total": 100}
    schedules = plan.to_optax(groups=groups, **given)
    bound = plan.bind(groups, **given)
    optimizer = optax.multi_transform(  # optax.partition in newer releases
        {group: optax.inject_hyperparams(optax.adamw)(**schedules[group]) for group in groups},
        {"backbone": "backbone", "head": "head"},
    )
    parameters = {"backbone": jnp.ones(2), "head": jnp.ones(2)}
    state = optimizer.init(parameters)

    @jax.jit
    def step(parameters: Any, state: Any) -> Any:
        gradients = jax.tree.map(jnp.zeros_like, parameters)
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    want = dict.fromkeys(groups, 1.0)
    for tick in range(12):
        parameters, state = step(parameters, state)
        for group in groups:
            numbers = state.inner_states[group].inner_state.hyperparams
            rate, decay = (bound[key][group].at(tick) for key in ("lr", "weight_decay"))
            assert numbers["learning_rate"] == pytest.approx(rate, rel=1e-4, abs=1e-6)
            want[group] *= 1 - rate * decay
            assert parameters[group] == pytest.approx([want[group]] * 2, rel=1e-4)


def _follows(schedule: Any, program: Program, scale: float) -> None:
    """The schedule has the program's values, those of epochs for a whole epoch each."""
    updates = np.arange(60)
    per_tick = 1
    if program.tick == "epoch":
        assert program.steps_per_epoch is not None
        per_tick = program.steps_per_epoch
    want = [program.at(int(update) // per_tick) for update in updates]
    assert schedule(updates) == pytest.approx(want, rel=1e-3, abs=1e-3 * scale)


@given(cases=lines_of_a_run(["lr", "weight_decay", "beta1"], smooth=True))
@settings(max_examples=20, deadline=None)
def test_random_plans(cases: dict[str, Case]) -> None:
    (binding, *_) = (case.binding for case in cases.values())
    names = {"lr": "learning_rate", "beta1": "b1"}
    plan = Plan({key: case.text for key, case in cases.items()})
    given: dict[str, Any] = {**binding, **{key: case.lr for key, case in cases.items()}}
    try:
        alone = {key: case.bind() for key, case in cases.items()}
        schedules = plan.to_optax(**given)
    except ValueError as error:  # epochs of unknown length, which a line alone refuses too
        assert "steps_per_epoch=" in str(error)  # noqa: PT017  # of some examples only
        return
    for key, program in alone.items():
        _follows(schedules[names.get(key, key)], program, cases[key].lr)


@given(cases=lines_of_a_run(["a", "b", "c", "d"], smooth=True))
@settings(max_examples=20, deadline=None)
def test_random_plans_by_groups(cases: dict[str, Case]) -> None:
    drawn = list(cases.values())
    first, second, third, fourth = (drawn[i % len(drawn)] for i in range(4))
    plan = Plan(
        {
            "lr": {"head*": first.text, "*": second.text},
            "weight_decay": {"body": third.text, "*": fourth.text},
        }
    )
    lines = {
        "head.0": {"learning_rate": first, "weight_decay": fourth},
        "body": {"learning_rate": second, "weight_decay": third},
    }
    try:
        schedules = plan.to_optax(
            groups=tuple(lines),
            lr={group: its["learning_rate"].lr for group, its in lines.items()},
            weight_decay={group: its["weight_decay"].lr for group, its in lines.items()},
            **first.binding,
        )
    except ValueError as error:  # epochs of unknown length, which a line alone refuses too
        assert "steps_per_epoch=" in str(error)  # noqa: PT017  # of some examples only
        return
    for group, its in lines.items():
        for name, case in its.items():
            _follows(schedules[group][name], case.bind(), case.lr)


@pytest.mark.parametrize(
    ("written", "given", "message"),
    [
        (
            {"lr": {"a*": "hold", "*": "hold"}},
            {"lr": 0.1},
            (
                "error[groups]: `lr` has lines by parameter groups, but no groups are given\n"
                '  at lr\n  give their names: groups=("backbone", "head")'
            ),
        ),
        (
            PLAN,
            {"lr": 0.1, "total": 100},
            (
                "error[no-base]: the line of `weight_decay` has shares of its base, which is not "
                "known\n  at weight_decay\n  give it: weight_decay=0.1"
            ),
        ),
        (
            {"lr": "plateau", "eps": "hold"},
            {"lr": 0.1, "eps": 1},
            (
                "lr: `plateau` needs metrics, which an optax schedule does not get: use "
                "optax.contrib.reduce_on_plateau after the schedule"
            ),
        ),
    ],
)
def test_refusals(written: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole text is compared
        Plan(written).to_optax(**given)
    assert str(raised.value) == message
    assert isinstance(raised.value, schedlang.ScheduleError) == message.startswith("error")
