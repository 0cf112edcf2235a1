"""The optax target: every case, jit, vmap, scan, 64 bits on and off, and inside of optax."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

import schedlang
from schedlang.arrays import tables
from schedlang.optax import build
from schedlang.program.program import Program
from tests.cases import CASES, VALUES, Case, golden, ticks_of
from tests.strategies import schedules

FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
MOST = 256


def counts_of(case: Case) -> tuple[Program, np.ndarray, np.ndarray] | None:
    """The program, the telling counts and their rates; None of a line that optax refuses."""
    program = case.bind()
    if program.momentum is not None:
        return None
    if program.tick == "epoch" and program.steps_per_epoch is None:
        return None
    updates = (program.steps_per_epoch or 1) if program.tick == "epoch" else 1
    ticks = [tick for tick in ticks_of(program) if program.at(tick) < 1e30]  # others are no float32
    ticks = (ticks * MOST)[:MOST] if len(ticks) < MOST else ticks[: MOST - 20] + ticks[-20:]
    return program, np.array(ticks) * updates, np.array([program.at(tick) for tick in ticks])


def assert_close(got: Any, want: np.ndarray, case: Case, least: float = 1e-4) -> None:
    assert got.dtype == jnp.float32
    assert got.shape == want.shape
    got = np.asarray(got, "float64")
    assert np.isfinite(got).all(), case.text
    off = np.abs(got - want) / np.maximum(np.abs(want), least * case.lr)
    assert off.max() <= 1e-4, case.text


def assert_is_curve(case: Case, least: float = 1e-4) -> None:
    telling = counts_of(case)
    if telling is not None:
        program, counts, want = telling
        assert_close(build(program)(counts.astype("int32")), want, case, least)


@pytest.mark.parametrize("few", [tables.FEW, 1], ids=["written out", "tables"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case(case: Case, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    assert_is_curve(case)


@pytest.mark.parametrize("few", [tables.FEW, 1], ids=["written out", "tables"])
@pytest.mark.parametrize("case", [case for case in CASES if counts_of(case)], ids=str)
def test_counts_of_floats_and_slopes(case: Case, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    telling = counts_of(case)
    assert telling is not None
    program, counts, want = telling
    rates, pull = jax.vjp(build(program), jnp.asarray(counts, "float32"))
    assert_close(rates, want, case)
    assert np.isfinite(pull(jnp.ones_like(rates))[0]).all()


@settings(max_examples=250)
@given(schedules(smooth=True))
def test_random_schedules(case: Case) -> None:
    # Where an expression of one's own adds up, the last digit of a float32 near 1 is left.
    assert_is_curve(case, 1e-3 if "fn" in case.text else 1e-4)


STAIRS = [
    "linear 1M every=1",
    "linear 1M every=7 min=1e-3",
    "cosine 1M every=10 skip=3",
    "sqrt 1M every=7",
    "poly 1M every=7 power=2",
    "poly 1M every=10/3 power=0.9",
    "exp 1M to=1e-6x every=7",
    "warmup 1M every=3 from=0 skip=1",
    "warmup cosine 1M every=10/3 from=0",
    "warmup sqrt 1M every=7 from=0 -> inverse_time 1M rate=1 every=9 staircase=true",
]


@pytest.mark.parametrize("few", [tables.FEW, 1], ids=["written out", "tables"])
@pytest.mark.parametrize("text", STAIRS)
def test_long_stairs_are_exact(text: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a decay is nearly over and a warm-up has just begun, all the digits are there."""
    monkeypatch.setattr(tables, "FEW", few)
    program = schedlang.parse(text).bind(lr=0.1)
    assert program.length is not None
    spread = np.geomspace(1, program.length - 1, 500).astype("int32")
    counts = np.concatenate([spread, program.length - spread])
    want = np.array([program.at(int(count)) for count in counts])
    got = np.asarray(build(program)(counts), "float64")
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize("case", VALUES, ids=str)
def test_values_of_no_optimizer(case: Case) -> None:
    telling = counts_of(case)
    assert telling is not None
    _, counts, want = telling
    value = schedlang.parse(case.text).to_optax(**case.binding)
    assert_close(jax.jit(value)(counts.astype("int32")), want, case)


SEEDS = [
    seed
    for seed in golden()
    if "plateau" not in seed["schedule"] and "momentum" not in seed["schedule"]
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed['framework']} {seed['name']}")
def test_golden_values(seed: dict[str, Any]) -> None:
    steps = seed.get("steps") or list(range(len(seed["values"])))
    rate = schedlang.parse(seed["schedule"]).to_optax(lr=seed["lr"])
    got, want = np.asarray(rate(np.array(steps)), "float64"), np.array(seed["values"])
    assert (np.abs(got - want) / np.maximum(want, 1e-4 * seed["lr"])).max() <= 1e-4


@pytest.fixture(params=[False, True], ids=["32 bits", "64 bits"])
def _widths(request: pytest.FixtureRequest) -> Iterator[None]:
    """JAX's wide types switched off and on."""
    config: Any = jax.config  # which has no types
    before = config.jax_enable_x64
    config.update("jax_enable_x64", request.param)
    assert jnp.arange(3).dtype == ("int64" if request.param else "int32")
    yield
    config.update("jax_enable_x64", before)


@pytest.mark.usefixtures("_widths")
def test_traced() -> None:
    schedule = schedlang.parse(FLAGSHIP)
    want = schedule.bind(lr=0.1).curve(110)
    rate = schedule.to_optax(lr=0.1)
    counts = jnp.arange(110)

    def add(count: Any, _: None) -> tuple[Any, Any]:
        return count + 1, rate(count)

    for got in (
        jax.jit(rate)(counts),
        jax.vmap(rate)(counts),
        jax.lax.scan(add, jnp.zeros((), "int32"), None, 110)[1],
        jnp.stack([rate(count) for count in range(110)]),
    ):
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.usefixtures("_widths")
def test_inside_optax() -> None:
    schedule = schedlang.parse("warmup 3 from=0 -> cosine 9 min=1%")
    curve = schedule.bind(lr=0.1).curve(8)
    rate = schedule.to_optax(lr=0.1)
    parameters = {"w": jnp.ones(3)}
    gradients = {"w": jnp.ones(3)}
    for optimizer in (
        optax.sgd(rate),
        optax.chain(optax.scale_by_schedule(lambda count: -rate(count))),
        optax.inject_hyperparams(optax.sgd)(learning_rate=rate),
    ):
        state = optimizer.init(parameters)
        update = jax.jit(optimizer.update)
        for want in curve:
            moved, state = update(gradients, state)
            np.testing.assert_allclose(moved["w"], -want, rtol=1e-4, atol=1e-12)
            assert moved["w"].dtype == parameters["w"].dtype
    adam = optax.adam(rate)
    state = adam.init(parameters)
    for want in curve:
        moved, state = jax.jit(adam.update)(gradients, state)
        np.testing.assert_allclose(moved["w"], -want, rtol=1e-3, atol=1e-12)


def test_a_thousand_ramps_are_a_small_jaxpr() -> None:
    kinds = ("linear", "cosine", "poly", "sqrt", "exp")
    ramps = [f"{kinds[i % 5]} 10 to={(i * 37 % 100 + 1) / 100}x" for i in range(1000)]
    rate = schedlang.parse(" -> ".join(ramps)).to_optax(lr=0.1)
    assert str(jax.make_jaxpr(rate)(5)).count(" = ") <= 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "plateau",
            (
                "`plateau` needs metrics, which an optax schedule does not get:"
                " use optax.contrib.reduce_on_plateau after the schedule"
            ),
        ),
        (
            "onecycle 9 momentum=[0.8, 0.9]",
            (
                "`momentum=` moves what an optax schedule cannot reach:"
                " use optax.inject_hyperparams with a schedule for each"
            ),
        ),
        (
            "cosine 9ep",
            "optax counts updates, but this schedule counts epochs: set steps_per_epoch=",
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        schedlang.parse(text).to_optax(lr=0.1)
