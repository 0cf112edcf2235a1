"""Emitted Keras callbacks, in a `fit`, do what the live ones do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import schedlang
from tests.emit.conftest import run
from tests.emit.run import fitted

EPOCHS = 10
PLATEAUS: list[tuple[str, dict[str, Any]]] = [
    ("plateau mode=max factor=0.3 patience=0 cooldown=2 threshold=0.05 min=1%", {}),
    ("warmup 6 -> plateau factor=0.5 patience=0 min=1e-3", {}),
    ("warmup 4 -> linear 3 to=50% -> plateau factor=0.7 patience=1 threshold_mode=abs", {}),
    ("clock=epoch | warmup 3ep -> plateau factor=0.5 patience=0", {"steps_per_epoch": 3}),
]
MOMENTA = [
    "onecycle 30 momentum=[0.85, 0.95]",
    "warmup 5 -> cyclic up=5 min=10% max=1x momentum=[0.8, 0.9]",
]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Plateaus in compiled steps, momenta in steps that are not."""
    folder = tmp_path_factory.mktemp("fit")
    jobs: list[dict[str, Any]] = []

    def add(text: str, binding: dict[str, Any], **job: Any) -> None:
        schedule = schedlang.parse(text)
        path = folder / f"case_{len(jobs)}.py"
        path.write_text(schedule.emit("keras", lr=0.1, **binding), encoding="utf-8")
        rng = random.Random(len(jobs))
        metrics = [0.0, *(1 / (1 + i / 9) + rng.uniform(0, 0.2) for i in range(1, EPOCHS))]
        job = {"moves": "momentum", "metrics": metrics, "scale": 0.1, "tolerance": 1e-4} | job
        live = {**job, "scheduled": False, "eager": False}
        want = fitted(None, schedule.keras_callbacks(lr=0.1, **binding), live)
        job |= {"name": f"{path.stem} [{text}]", "path": str(path), "target": "fit", "want": want}
        jobs.append(job)

    for text, binding in PLATEAUS:
        add(text, binding, scheduled=False, eager=False)
    for text, moves in zip(MOMENTA, ("momentum", "beta_1"), strict=True):
        add(text, {}, scheduled=True, eager=True, moves=moves)
    return jobs


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_callbacks_follow_the_live_ones(
    tmp_path: Path, jobs: list[dict[str, Any]], backend: str
) -> None:
    assert all(len(set(job["want"]["rates"])) > 2 for job in jobs)
    assert all(len(set(job["want"]["momenta"])) > 2 for job in jobs[len(PLATEAUS) :])
    some = jobs if backend == "tensorflow" else jobs[1::2]
    assert run(tmp_path, some, KERAS_BACKEND=backend) == []


@pytest.mark.parametrize(
    ("moves", "start", "message"),
    [
        ("momentum", 0.9, "momentum moves only in a model with run_eagerly=True"),
        ("momentum", 0.0, "this schedule moves the momentum: the optimizer has none"),
    ],
)
def test_what_cannot_move_is_refused(
    moves: Literal["momentum"], start: float, message: str
) -> None:
    import keras

    scope: dict[str, Any] = {"__name__": "emitted"}
    exec(schedlang.parse(MOMENTA[0]).emit("keras", lr=0.1), scope)  # our own source
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, **{moves: start}), "mse")
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        model.fit(np.ones((1, 1)), np.ones((1, 1)), callbacks=scope["build_callbacks"](), verbose=0)
    assert str(caught.value) == message
