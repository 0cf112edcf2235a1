"""What must hold under `tf.distribute` on TensorFlow and `keras.distribution` on JAX.

`test_backends.py` runs it in a process for each. Two replicas on one CPU share each batch, so the
rates, the momenta and the weights are those of a `fit` without a distribution.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"  # before JAX starts

import keras
import numpy as np
import pytest

import schedlang
from schedlang.integrations.keras import ScheduleTracker
from schedlang.integrations.tracking import scalars
from schedlang.keras import RateLogger
from tests.emit.run import fit, fitted, recording, small

ON_JAX = keras.config.backend() == "jax"
if not ON_JAX:
    import tensorflow as tf

    tf.config.set_logical_device_configuration(  # before the first tensor starts TensorFlow
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

METRICS = [1.0, 1.1, 0.9, 0.95, 0.8, 0.85, 0.9, 0.7]
EPOCHS = len(METRICS)
UPDATES = 3  # an epoch
COSINE = "warmup 3 -> cosine 9 min=1%"
MOMENTUM = "warmup 5 -> cyclic up=5 min=10% momentum=[0.8, 0.9]"
PLATEAU = "warmup 5 -> plateau factor=0.5 patience=0 cooldown=1"
BOTH = "onecycle 9 momentum=[0.8, 0.9] -> plateau factor=0.5 patience=0 min=1e-7"
CASES: list[tuple[Literal["live", "emitted"], str, dict[str, Any]]] = [
    ("live", COSINE, {}),
    ("live", MOMENTUM, {}),
    ("emitted", MOMENTUM, {"moves": "beta_1"}),
    ("live", PLATEAU, {"crash": 5}),
    ("emitted", PLATEAU, {}),
    ("emitted", "plateau factor=0.5 patience=0", {}),
    ("live", BOTH, {}),
]


@contextmanager
def distributed() -> Iterator[Callable[[], Any]]:
    """Two replicas; what is given is the scope in which a model is made."""
    if ON_JAX:
        with keras.distribution.DataParallel(devices=["cpu:0", "cpu:1"]).scope():
            yield nullcontext
        return
    # Collective operations abort where the virtual devices' threads order them differently.
    reduction = tf.distribute.ReductionToOneDevice()
    found = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], reduction)
    assert found.num_replicas_in_sync == 2
    yield found.scope


def run(
    schedule: Callable[[], Any], callbacks: Callable[[], Any], job: dict[str, Any], path: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """What a `fit` of two replicas finds, and one of one."""
    job = {"moves": "momentum", **job}
    with distributed() as scope:

        def callbacks_in_the_scope() -> Any:
            with scope():  # where some people make everything
                return callbacks()

        got = fitted(
            schedule, callbacks_in_the_scope, {**job, "scope": scope, "path": f"{path}_two"}
        )
    return got, fitted(schedule, callbacks, {**job, "path": f"{path}_one"})


def test_the_weights_are_on_both() -> None:
    with distributed() as scope, scope():
        weight = small(keras.optimizers.SGD(0.1)).weights[0]
    if ON_JAX:
        assert len(weight.value.sharding.device_set) == 2
    else:
        assert len(weight.value.values) == 2


def assert_same(got: dict[str, list[float]], want: dict[str, list[float]]) -> None:
    assert len(got["rates"]) >= EPOCHS * UPDATES
    assert len(set(got["rates"])) > 2
    np.testing.assert_allclose(got["rates"], want["rates"], rtol=1e-6)
    np.testing.assert_allclose(got["momenta"], want["momenta"], rtol=1e-6)
    assert_same_weights(got["weights"], want["weights"])


def assert_same_weights(got: Any, want: Any) -> None:
    """Nothing where Keras (3.5) adds the gradients of TensorFlow's replicas up."""
    if ON_JAX or hasattr(import_module("keras.src.losses.loss"), "scale_loss_for_distribution"):
        np.testing.assert_allclose(got, want, rtol=1e-3)


def assert_is_curve(rates: list[float], text: str) -> None:
    """Each update has the rate of the curve; of a plateau, up to its begin."""
    program = schedlang.parse(text).bind(lr=0.1)
    last = EPOCHS * UPDATES
    if program.plateau is not None:
        last = program.plateau["begin"] + 1
    assert len(rates) >= last
    np.testing.assert_allclose(rates[:last], program.curve(last), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("kind", "text", "job"), CASES)
def test_callbacks(kind: str, text: str, job: dict[str, Any], tmp_path: Path) -> None:
    schedule = schedlang.parse(text)
    scope: dict[str, Any] = {
        "__name__": "emitted",
        "build_schedule": None,
        "build_callbacks": lambda: schedule.keras_callbacks(lr=0.1),
    }
    if kind == "emitted":
        exec(schedule.emit("keras", lr=0.1), scope)  # our own source
    scheduled = kind == "emitted" and "plateau" not in text
    job = {**job, "metrics": METRICS, "scheduled": scheduled}
    build, callbacks = scope["build_schedule"], scope["build_callbacks"]
    got, want = run(build, callbacks, job, str(tmp_path / "run"))
    assert_same(got, want)
    assert_is_curve(got["rates"], text)
    assert len(set(got["momenta"])) > 2 or "momentum" not in text


def test_schedule_and_logger() -> None:
    schedule = schedlang.parse(COSINE)
    logged: list[float] = []

    class Logged(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            logged.append(logs["learning_rate"])

    job = {"metrics": METRICS, "scheduled": True}
    got, want = run(lambda: schedule.to_keras(lr=0.1), lambda: [RateLogger(), Logged()], job, "")
    assert_same(got, want)
    assert_is_curve(got["rates"], COSINE)
    assert_is_curve(logged[: len(got["rates"])], COSINE)


def test_the_config_has_the_momentum_of_now() -> None:
    schedule = schedlang.parse(MOMENTUM)
    with distributed() as scope:
        with scope():
            optimizer = keras.optimizers.SGD(0.1, momentum=0.5)
            model = small(optimizer)
        fit(model, 3, schedule.keras_callbacks(lr=0.1))
    track = schedule.bind(lr=0.1).momentum
    assert track is not None
    assert optimizer.get_config()["momentum"] == pytest.approx(track.at(9), rel=1e-6)


PLAN = schedlang.Plan(
    {
        "lr": COSINE,
        "weight_decay": "linear 12 to=10x",
        "momentum": "warmup 6 from=0.5 to=0.9 -> hold",
    }
)
BASES = {"learning_rate": 0.1, "weight_decay": 0.01, "momentum": 0.7}


def planned(
    scope: Callable[[], Any], *callbacks: keras.callbacks.Callback, by_schedule: bool
) -> tuple[dict[str, list[float]], list[float]]:
    """The numbers of each update with a plan, of a `fit` that goes on, and the last weights."""
    with scope():
        rate = PLAN.to_keras(lr=0.1) if by_schedule else 0.1
        model = small(keras.optimizers.SGD(**{**BASES, "learning_rate": rate}))
    found: dict[str, list[float]] = {name: [] for name in BASES}
    for _ in range(2):
        every = [recording(name, values) for name, values in found.items()]
        fit(model, 3, [*PLAN.keras_callbacks(), *every, *callbacks])
    return found, [float(x) for array in model.get_weights() for x in array.flat]


@pytest.mark.parametrize("by_schedule", [True, False])
def test_a_plan(by_schedule: bool) -> None:
    bound = PLAN.bind(lr=0.1, weight_decay=0.01, momentum=0.7)
    tracked: list[dict[str, float]] = []

    class Tracked(ScheduleTracker):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            super().on_train_batch_end(batch, logs)
            tracked.append({name: x for name, x in logs.items() if name.startswith("schedule")})

    with distributed() as scope:
        found, weights = planned(scope, Tracked(bound), by_schedule=by_schedule)
    for name, key in zip(BASES, ("lr", "weight_decay", "momentum"), strict=True):
        np.testing.assert_allclose(found[name], bound[key].curve(18), rtol=1e-4, atol=1e-9)
    assert tracked == [
        pytest.approx(scalars(bound, tick), rel=1e-4, abs=1e-9) for tick in range(18)
    ]
    _, alone = planned(nullcontext, by_schedule=by_schedule)
    assert_same_weights(weights, alone)
