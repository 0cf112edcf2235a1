"""What must hold under `tf.distribute`; `test_backends.py` runs it in a process of its own.

Two replicas on one CPU share each batch, so the rates, the momenta and the weights are those of a
`fit` without a strategy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest
import tensorflow as tf

import schedlang
from schedlang.keras import RateLogger
from tests.emit.run import fitted

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


def strategy() -> tf.distribute.Strategy:
    # Collective operations abort where the virtual devices' threads order them differently.
    reduction = tf.distribute.ReductionToOneDevice()
    found = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], reduction)
    assert found.num_replicas_in_sync == 2
    return found


def run(
    schedule: Callable[[], Any], callbacks: Callable[[], Any], job: dict[str, Any], path: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """What a `fit` under the strategy finds, and one without."""
    job = {"moves": "momentum", **job}
    mirrored = strategy()

    def callbacks_of_the_strategy() -> Any:
        with mirrored.scope():  # where some people make everything
            return callbacks()

    got = fitted(
        schedule,
        callbacks_of_the_strategy,
        {**job, "scope": mirrored.scope, "path": f"{path}_mirrored"},
    )
    return got, fitted(schedule, callbacks, {**job, "path": f"{path}_alone"})


def assert_same(got: dict[str, list[float]], want: dict[str, list[float]]) -> None:
    assert len(got["rates"]) >= EPOCHS * UPDATES
    assert len(set(got["rates"])) > 2
    np.testing.assert_allclose(got["rates"], want["rates"], rtol=1e-6)
    np.testing.assert_allclose(got["momenta"], want["momenta"], rtol=1e-6)
    np.testing.assert_allclose(got["weights"], want["weights"], rtol=1e-3)


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
    with strategy().scope():
        optimizer = keras.optimizers.SGD(0.1, momentum=0.5)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
    x, y = np.ones((12, 2), "float32"), np.ones((12, 1), "float32")
    callbacks = schedule.keras_callbacks(lr=0.1)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=callbacks)
    track = schedule.bind(lr=0.1).momentum
    assert track is not None
    assert optimizer.get_config()["momentum"] == pytest.approx(track.at(9), rel=1e-6)
